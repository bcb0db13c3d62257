import { expect, test } from "vitest";
import { failure, property, run, twoPools } from "./helpers.ts";

function world() {
  const sim = twoPools();
  run(sim, "zfs create tank/a", "zfs create -p tank/x/y", "zfs snapshot tank/a@1", "zfs snapshot -r tank@r");
  run(sim, "zfs bookmark tank/a@1 tank/a#1", "zfs snapshot -r -o u:p=v tank/x@q");
  return sim;
}

test("types come dataset first, then snapshots by createtxg, then bookmarks, then children", () => {
  expect(run(world(), "zfs list -Hp -r -t all -o name tank")).toBe(
    "tank\ntank@r\ntank/a\ntank/a@1\ntank/a@r\ntank/a#1\ntank/x\ntank/x@r\ntank/x@q\ntank/x/y\ntank/x/y@r\ntank/x/y@q\n",
  );
});

test("-s createtxg mixes snapshots and bookmarks; -S name is plain reversed text order", () => {
  const sim = world();
  expect(run(sim, "zfs list -Hp -r -t snapshot,bookmark -o name -s createtxg tank/a tank/x")).toBe(
    "tank/a@1\ntank/a#1\ntank/a@r\ntank/x@r\ntank/x/y@r\ntank/x@q\ntank/x/y@q\n",
  );
  expect(run(sim, "zfs list -Hp -r -t snapshot,bookmark -o name -S name tank")).toBe(
    "tank@r\ntank/x@r\ntank/x@q\ntank/x/y@r\ntank/x/y@q\ntank/a@r\ntank/a@1\ntank/a#1\n",
  );
});

test("-d 1 shows the snapshots of the root only, -d 0 none", () => {
  const sim = world();
  expect(run(sim, "zfs list -H -d 1 -t filesystem,snapshot -o name tank")).toBe("tank\ntank@r\ntank/a\ntank/x\n");
  expect(run(sim, "zfs list -H -d 0 -t filesystem,snapshot -o name tank")).toBe("tank\n");
  expect(run(sim, "zfs list -H -d 0 -t snapshot,bookmark -o name tank")).toBe("");
});

test("without -r a filesystem stands for its snapshots only if that is the one type", () => {
  const sim = world();
  expect(run(sim, "zfs list -H -t snapshot -o name tank/a")).toBe("tank/a@1\ntank/a@r\n");
  expect(failure(sim, "zfs list -H -t snapshot,bookmark -o name tank/a")).toBe(
    "1: cannot open 'tank/a': operation not applicable to datasets of this type",
  );
});

test("properties that do not apply are -, and user properties are inherited by snapshots", () => {
  const sim = world();
  run(sim, "zfs set zrepl:placeholder=on tank/a");
  const columns = "name,type,userrefs,receive_resume_token,encryption,written,origin,mounted,zrepl:placeholder";
  expect(run(sim, `zfs list -Hp -r -t all -o ${columns} tank/a`)).toBe(
    "tank/a\tfilesystem\t-\t-\toff\t0\t-\tyes\ton\n" +
      "tank/a@1\tsnapshot\t0\t-\toff\t24576\t-\t-\ton\n" +
      "tank/a@r\tsnapshot\t0\t-\toff\t0\t-\t-\ton\n" +
      "tank/a#1\tbookmark\t-\t-\t-\t-\t-\t-\t-\n",
  );
});

test("a bookmark has the guid, createtxg and creation of its snapshot", () => {
  const sim = world();
  for (const name of ["guid", "createtxg", "creation"])
    expect(property(sim, name, "tank/a#1")).toBe(property(sim, name, "tank/a@1"));
});

test.each([
  ["zfs list -H tank/nope", "1: cannot open 'tank/nope': dataset does not exist"],
  ["zfs list -H tank/a@nope", "1: cannot open 'tank/a@nope': dataset does not exist"],
  ["zfs list -H -t bookmark tank/a#nope", "1: cannot open 'tank/a#nope': no such pool or dataset"],
  ["zfs list -H -t bookmark tank/nope#nope", "1: cannot open 'tank/nope#nope': dataset does not exist"],
  ["zfs list -H tank/a#1", "1: cannot open 'tank/a#1': bookmark delimiter '#' is not expected here"],
  ["zfs list -H -t filesystem tank/a@1", "1: cannot open 'tank/a@1': snapshot delimiter '@' is not expected here"],
  ["zfs list -H -r -t snapshot tank/nope", "1: cannot open 'tank/nope': dataset does not exist"],
  ["zfs list -H -t bookmark tank/nope", "1: cannot open 'tank/nope': dataset does not exist"],
  ["zfs list -t bookmark -r tank/x", "0: no datasets available"],
])("%s", (line, text) => {
  expect(failure(world(), line)).toBe(text);
});

test("get shows sources, and -s selects by them", () => {
  const sim = world();
  run(sim, "zfs set u:p=1 tank/x");
  expect(run(sim, "zfs get -Hp -r -o name,property,value,source u:p,u:none tank/x")).toBe(
    "tank/x\tu:p\t1\tlocal\ntank/x\tu:none\t-\t-\n" +
      "tank/x@r\tu:p\t1\tinherited from tank/x\ntank/x@r\tu:none\t-\t-\n" +
      "tank/x@q\tu:p\tv\tlocal\ntank/x@q\tu:none\t-\t-\n" +
      "tank/x/y\tu:p\t1\tinherited from tank/x\ntank/x/y\tu:none\t-\t-\n" +
      "tank/x/y@r\tu:p\t1\tinherited from tank/x\ntank/x/y@r\tu:none\t-\t-\n" +
      "tank/x/y@q\tu:p\tv\tlocal\ntank/x/y@q\tu:none\t-\t-\n",
  );
  expect(run(sim, "zfs get -Hp -r -s local -t filesystem,volume -o name,value u:p tank")).toBe("tank/x\t1\n");
});

test("userrefs stand right in a table for people", () => {
  expect(run(world(), "zfs list -o name,userrefs,type tank/a@1")).toBe(
    "NAME      USERREFS  TYPE\ntank/a@1         0  snapshot\n",
  );
});

test("-r -t filesystem does not take a volume, -r -t snapshot does", () => {
  const sim = world();
  run(sim, "zfs create -s -V 8M tank/v");
  expect(failure(sim, "zfs list -H -r -t filesystem tank/v")).toBe(
    "1: cannot open 'tank/v': operation not applicable to datasets of this type",
  );
  expect(run(sim, "zfs list -H -r -t snapshot tank/v")).toBe("");
});
