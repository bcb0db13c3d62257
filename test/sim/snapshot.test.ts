import { expect, test } from "vitest";
import { failure, names, property, run, transfer, twoPools } from "./helpers.ts";

function world() {
  const sim = twoPools();
  run(sim, "zfs create tank/a", "zfs create tank/b", "zfs create tank/b/c", "zfs snapshot tank/a@1");
  return sim;
}

test("snapshots of one command share a createtxg", () => {
  const sim = world();
  run(sim, "zfs snapshot tank/a@2 tank/b@x");
  expect(property(sim, "createtxg", "tank/a@2")).toBe(property(sim, "createtxg", "tank/b@x"));
});

test("zfs snapshot is all or nothing", () => {
  const sim = world();
  expect(failure(sim, "zfs snapshot tank/b@1 tank/a@1")).toBe(
    "1: cannot create snapshot 'tank/a@1': dataset already exists\nno snapshots were created",
  );
  expect(names(sim, "tank/b")).not.toContain("tank/b@1");
});

test.each([
  ["zfs snapshot tank/a@1", "1: cannot create snapshot 'tank/a@1': dataset already exists"],
  ["zfs snapshot tank/a@x,y", "1: cannot create snapshot 'tank/a@x,y': invalid character ',' in name"],
  [
    "zfs snapshot tank/a@",
    "1: cannot create snapshot 'tank/a@': empty component or misplaced '@' or '#' delimiter in name",
  ],
  ["zfs snapshot tank/a@x@y", "1: cannot create snapshot 'tank/a@x@y': multiple '@' and/or '#' delimiters in name"],
  [
    "zfs snapshot tank/a@3 back@3",
    "1: cannot create snapshots : multiple snapshots of same fs not allowed\nno snapshots were created",
  ],
  [
    "zfs snapshot -o compression=on tank/a@2",
    "1: cannot create snapshots : this property can not be modified for snapshots",
  ],
])("%s", (line, text) => {
  expect(failure(world(), line)).toBe(text);
});

test("a missing filesystem prints the usage too, and exits with 2", () => {
  expect(failure(world(), "zfs snapshot tank/nope@1")).toBe(
    "2: cannot open 'tank/nope': dataset does not exist\nusage:\n\tsnapshot [-r] [-o property=value] ... <filesystem|volume>@<snap> ...\n\nFor the property list, run: zfs set|get\n\nFor the delegated permission list, run: zfs allow|unallow",
  );
});

test("-r on one filesystem says that no snapshots were created", () => {
  expect(failure(world(), "zfs snapshot -r tank/a@1")).toBe(
    "1: cannot create snapshot 'tank/a@1': dataset already exists\nno snapshots were created",
  );
});

test("-r crashes on a filesystem that is half-received, and leaves such children out", () => {
  const sim = world();
  sim.write("tank/a", 2_000_000);
  run(sim, "zfs snapshot tank/a@2");
  transfer(sim, "tank/a@2", "-s back/a", { cutAfterBytes: 1_000_000 });
  expect(failure(sim, "zfs snapshot -r back/a@x")).toBe("139: ");
  expect(failure(sim, "zfs snapshot back/a@x")).toBe("1: cannot create snapshot 'back/a@x': dataset is busy");
  run(sim, "zfs snapshot -r back@x");
  expect(names(sim, "back")).toEqual(["back", "back@x", "back/a"]);
});

test("one refused snapshot keeps all of a destroy list", () => {
  const sim = world();
  run(sim, "zfs snapshot tank/a@2", "zfs hold t tank/a@2");
  expect(failure(sim, "zfs destroy tank/a@1,2,nope")).toBe("1: cannot destroy snapshot tank/a@2: dataset is busy");
  expect(names(sim, "tank/a")).toEqual(["tank/a", "tank/a@1", "tank/a@2"]);
});

test("missing names in a destroy list do not matter as long as one is there", () => {
  const sim = world();
  run(sim, "zfs destroy tank/a@nope,1");
  expect(failure(sim, "zfs destroy tank/a@1")).toBe(
    "1: could not find any snapshots to destroy; check snapshot names.",
  );
});

test("destroy -nvp lists without destroying; ranges are by createtxg", () => {
  const sim = world();
  run(sim, "zfs snapshot tank/a@0", "zfs snapshot tank/a@2");
  expect(run(sim, "zfs destroy -nvp tank/a@1%2")).toBe(
    "destroy\ttank/a@1\ndestroy\ttank/a@0\ndestroy\ttank/a@2\nreclaim\t0\n",
  );
  expect(run(sim, "zfs destroy -nv tank/a@%0")).toBe(
    "would destroy tank/a@1\nwould destroy tank/a@0\nwould reclaim 0B\n",
  );
});

test("destroy -d marks a held snapshot, which goes with its last hold", () => {
  const sim = world();
  run(sim, "zfs hold t tank/a@1", "zfs destroy -d tank/a@1");
  expect(property(sim, "defer_destroy", "tank/a@1")).toBe("on");
  run(sim, "zfs release t tank/a@1");
  expect(names(sim, "tank/a")).toEqual(["tank/a"]);
});

test("clones block", () => {
  const sim = world();
  run(sim, "zfs clone tank/a@1 tank/cl");
  const tail = "snapshot has dependent clones\nuse '-R' to destroy the following datasets:\ntank/cl";
  expect(failure(sim, "zfs destroy tank/a@1")).toBe(`1: cannot destroy 'tank/a@1': ${tail}`);
  expect(failure(sim, "zfs destroy -r tank/a")).toBe(
    "1: cannot destroy 'tank/a': filesystem has dependent clones\nuse '-R' to destroy the following datasets:\ntank/cl",
  );
  run(sim, "zfs promote tank/cl");
  expect(property(sim, "origin", "tank/a")).toBe("tank/cl@1");
});

test.each([
  ["zfs destroy tank/nope", "1: cannot open 'tank/nope': dataset does not exist"],
  ["zfs destroy tank/nope@1", "1: cannot open 'tank/nope': dataset does not exist"],
  ["zfs destroy tank/a#nope", "1: bookmark 'tank/a#nope' does not exist."],
  [
    "zfs destroy tank",
    "1: cannot destroy 'tank': operation does not apply to pools\nuse 'zfs destroy -r tank' to destroy all datasets in the pool\nuse 'zpool destroy tank' to destroy the pool itself",
  ],
  [
    "zfs destroy tank/b",
    "1: cannot destroy 'tank/b': filesystem has children\nuse '-r' to destroy the following datasets:\ntank/b/c",
  ],
])("%s", (line, text) => {
  expect(failure(world(), line)).toBe(text);
});

test("rollback needs -r past newer snapshots and bookmarks, and loses bookmarks even if a hold stops it", () => {
  const sim = world();
  run(sim, "zfs snapshot tank/a@2", "zfs bookmark tank/a@2 tank/a#b2", "zfs hold t tank/a@2");
  expect(failure(sim, "zfs rollback tank/a@1")).toBe(
    "1: cannot rollback to 'tank/a@1': more recent snapshots or bookmarks exist\nuse '-r' to force deletion of the following snapshots and bookmarks:\ntank/a@2\ntank/a#b2",
  );
  expect(failure(sim, "zfs rollback -r tank/a@1")).toBe("1: cannot destroy 'tank/a@2': dataset is busy");
  expect(names(sim, "tank/a")).toEqual(["tank/a", "tank/a@1", "tank/a@2"]);
});

test.each([
  ["zfs rename tank/a@1 tank/b@1", "1: cannot rename to 'tank/b@1': snapshots must be part of same dataset"],
  ["zfs rename tank/a tank/b", "1: cannot rename 'tank/a': dataset already exists"],
  ["zfs rename tank/a tank/no/a", "1: cannot create 'tank/no/a': parent does not exist"],
  ["zfs rename tank/a back/a", "1: cannot rename to 'back/a': datasets must be within same pool"],
  [
    "zfs rename tank/b tank/b/x",
    "1: cannot rename to 'tank/b/x': New dataset name cannot be a descendant of current dataset name",
  ],
  ["zfs rename tank/a tank/a", "0: "],
])("%s", (line, text) => {
  expect(failure(world(), line)).toBe(text);
});

test("rename -r onto a name that a child has", () => {
  const sim = world();
  run(sim, "zfs snapshot -r tank/b@1", "zfs snapshot -r tank/b@2");
  expect(failure(sim, "zfs rename -r tank/b@1 @2")).toBe(
    "1: cannot rename 'tank/b@1': a child dataset already has a snapshot with the new name",
  );
});

test("create -p makes nothing below a volume", () => {
  const sim = world();
  run(sim, "zfs create -s -V 8M tank/v");
  expect(failure(sim, "zfs create -p tank/v/x/y")).toBe("1: cannot create 'tank/v/x/y': parent is not a filesystem");
});

test("the same snapshot named twice counts as one, but as many for the message", () => {
  const sim = world();
  run(sim, "zfs snapshot tank/b@1 tank/b@1");
  expect(failure(sim, "zfs snapshot tank/a@1 tank/a@1")).toBe(
    "1: cannot create snapshot 'tank/a@1': dataset already exists\nno snapshots were created",
  );
});
