import { describe, expect, test } from "vitest";
import { createBookmark, destroyBookmark, destroyBookmarks } from "../../src/zfs/bookmark.ts";
import { destroySnapshots } from "../../src/zfs/destroy.ts";
import { ProgramMissingError } from "../../src/zfs/errors.ts";
import { groupByPool, holdSnapshots, releaseSnapshots } from "../../src/zfs/hold.ts";
import { identifyVersions, listDatasets, listHolds } from "../../src/zfs/list.ts";
import type { Runner } from "../../src/zfs/runner.ts";
import { type Answer, fakeRunner, says } from "../fake-runner.ts";

const reasons = (failures: ReadonlyMap<string, { readonly reason: string }>) =>
  Object.fromEntries([...failures].map(([name, { reason }]) => [name, reason]));

describe("destroying snapshots in batches (zrepl's cases, §5.5)", () => {
  /** A zfs that refuses `undestroyable`, fails without a word about `randomerror`, and does all or nothing. */
  function refusing(argv: readonly string[]): Answer {
    const [filesystem = "", list = ""] = (argv[2] ?? "").split("@");
    const names = list.split(",");
    if (names.includes("randomerror")) return says("some random error");
    const refused = names.filter((name) => name === "undestroyable");
    if (refused.length === 0) return undefined;
    return says(refused.map((name) => `cannot destroy snapshot ${filesystem}@${name}: dataset is busy`).join("\n"));
  }

  test.each`
    what                                                      | filesystem     | names                              | commands                                                        | failures
    ${"nothing asks for no process"}                          | ${"zroot/a"}   | ${[]}                              | ${[]}                                                           | ${{}}
    ${"one"}                                                  | ${"zroot/z"}   | ${["foo"]}                         | ${["z@foo"]}                                                    | ${{}}
    ${"many go in one process, sorted"}                       | ${"zroot/a"}   | ${["foo", "bar"]}                  | ${["a@bar,foo"]}                                                | ${{}}
    ${"named ones in the way are left out, then tried alone"} | ${"zroot/b"}   | ${["bar", "zab", "undestroyable"]} | ${["b@bar,undestroyable,zab", "b@bar,zab", "b@undestroyable"]}  | ${{ undestroyable: "busy" }}
    ${"after an unclear error each is tried alone"}           | ${"zroot/c"}   | ${["baz", "randomerror", "bar"]}   | ${["c@bar,baz,randomerror", "c@bar", "c@baz", "c@randomerror"]} | ${{ randomerror: "unknown" }}
    ${"all in the way"}                                       | ${"zroot/a"}   | ${["undestroyable"]}               | ${["a@undestroyable"]}                                          | ${{ undestroyable: "busy" }}
    ${"names with blanks"}                                    | ${"zroot/a b"} | ${["x y", "undestroyable"]}        | ${["a b@undestroyable,x y", "a b@x y", "a b@undestroyable"]}    | ${{ undestroyable: "busy" }}
  `("$what", async ({ filesystem, names, commands, failures }) => {
    const runner = fakeRunner(refusing);
    expect(reasons(await destroySnapshots(runner, filesystem, names))).toEqual(failures);
    expect(runner.commands).toEqual(commands.map((command: string) => `zfs destroy zroot/${command}`));
  });

  test("zfs names only some of those in the way: it goes on until all are found", async () => {
    const clones = new Set(["a", "c"]);
    const runner = fakeRunner((argv) => {
      const names = (argv[2] ?? "").slice("p@".length).split(",");
      const first = names.find((name) => clones.has(name));
      return first === undefined
        ? undefined
        : says(
            `cannot destroy 'p@${first}': snapshot has dependent clones\nuse '-R' to destroy the following datasets:\np/clone`,
          );
    });
    expect(reasons(await destroySnapshots(runner, "p", ["a", "b", "c", "d"]))).toEqual({
      a: "has-clones",
      c: "has-clones",
    });
    expect(runner.commands.slice(0, 3)).toEqual(["zfs destroy p@a,b,c,d", "zfs destroy p@b,c,d", "zfs destroy p@b,d"]);
  });

  test("those that are gone count as done", async () => {
    const gone = fakeRunner(() => says("could not find any snapshots to destroy; check snapshot names."));
    expect(await destroySnapshots(gone, "p", ["a"])).toEqual(new Map());
    const noFilesystem = fakeRunner(() => says("cannot open 'p/x': dataset does not exist"));
    expect(await destroySnapshots(noFilesystem, "p/x", ["a", "b"])).toEqual(new Map());
  });

  test("no argument gets longer than the kernel takes", async () => {
    const runner = fakeRunner();
    const names = Array.from({ length: 10_000 }, (_, i) => `zrepl_20261121_130000_${String(i).padStart(6, "0")}`);
    await destroySnapshots(runner, "p", names);
    expect(runner.commands.length).toBeGreaterThan(1);
    expect(Math.max(...runner.commands.map((command) => command.length))).toBeLessThan(128 * 1024);
    expect(runner.commands.flatMap((command) => command.split("@")[1]?.split(",")).sort()).toEqual(names);
  });

  test("a batch that is too long all the same is halved", async () => {
    const runner = fakeRunner((argv) => {
      if ((argv[2] ?? "").length > 10) throw Object.assign(new Error("spawn E2BIG"), { code: "E2BIG" });
      return undefined;
    });
    const names = ["01", "02", "03", "04", "05", "06", "07", "08", "09", "10"];
    expect(await destroySnapshots(runner, "2222", names)).toEqual(new Map());
    const done = runner.commands.filter((command) => command.length <= "zfs destroy ".length + 10);
    expect(done.map((command) => command.slice("zfs destroy 2222@".length))).toEqual([
      ...["01,02", "03", "04,05", "06,07", "08", "09,10"],
    ]);
  });
});

describe("holds in batches", () => {
  test("one process for all snapshots of a pool", async () => {
    const runner = fakeRunner();
    expect(await holdSnapshots(runner, "a tag", ["p/a@1", "q@1", "p/b c@2"])).toEqual(new Map());
    expect(runner.commands).toEqual(["zfs hold a tag p/a@1 p/b c@2", "zfs hold a tag q@1"]);
    expect(await holdSnapshots(runner, "a tag", [])).toEqual(new Map());
    expect(runner.commands).toHaveLength(2);
  });

  test("a hold that is there already is fine, a missing snapshot fails alone", async () => {
    const runner = fakeRunner(() =>
      says(
        "cannot hold snapshot 'p@1': tag already exists on this dataset\ncannot hold snapshot 'p@2': dataset does not exist",
      ),
    );
    const failures = await holdSnapshots(runner, "t", ["p@1", "p@2", "p@3"]);
    expect(reasons(failures)).toEqual({ "p@2": "does-not-exist" });
    expect(failures.get("p@2")?.message).toContain("cannot hold snapshot 'p@2': dataset does not exist");
    expect(failures.get("p@2")?.message).not.toContain("p@1");
    expect(runner.commands).toHaveLength(1);
  });

  test("a complaint about the whole command is looked into one by one", async () => {
    const runner = fakeRunner((argv) =>
      argv.includes("p/gone@1") ? says("cannot open 'p/gone': dataset does not exist") : undefined,
    );
    expect(reasons(await holdSnapshots(runner, "t", ["p@1", "p/gone@1", "p@2"]))).toEqual({
      "p/gone@1": "does-not-exist",
    });
    expect(runner.commands).toEqual([
      ...["zfs hold t p@1 p/gone@1 p@2", "zfs hold t p@1", "zfs hold t p/gone@1", "zfs hold t p@2"],
    ]);
  });

  test("who may not gets an error for each", async () => {
    const runner = fakeRunner(() => says("cannot hold: permission denied"));
    expect(reasons(await holdSnapshots(runner, "t", ["p@1", "p@2"]))).toEqual({
      "p@1": "permission",
      "p@2": "permission",
    });
  });

  test.each`
    what                             | stderr
    ${"has no such tag"}             | ${"cannot release hold from snapshot 'p@1': no such tag on this dataset"}
    ${"is gone"}                     | ${"cannot release hold from snapshot 'p@1': dataset does not exist"}
    ${"is gone with its filesystem"} | ${"cannot open 'p': dataset does not exist"}
  `("releasing what $what counts as done", async ({ stderr }) => {
    expect(
      await releaseSnapshots(
        fakeRunner(() => says(stderr)),
        "t",
        ["p@1"],
      ),
    ).toEqual(new Map());
  });

  test("releasing fails where zfs says something else", async () => {
    const runner = fakeRunner(() => says("cannot release hold from snapshot 'p@1': I/O error"));
    expect(reasons(await releaseSnapshots(runner, "t", ["p@1", "p@2"]))).toEqual({ "p@1": "unknown" });
  });

  test("groups keep their order", () => {
    expect(groupByPool(["b@1", "a/x@1", "b/y@1"])).toEqual([["b@1", "b/y@1"], ["a/x@1"]]);
  });
});

describe("bookmarks", () => {
  const listing = (guid: string) => ({ stdout: `p#b\t${guid}\t5\n` });
  const exists = says("cannot create bookmark 'p#b': bookmark exists");

  test.each`
    there  | ok
    ${"7"} | ${true}
    ${"8"} | ${false}
  `("of guid 7 where one of guid $there is: done is $ok", async ({ there, ok }) => {
    const runner = fakeRunner((argv) => (argv[1] === "bookmark" ? exists : listing(there)));
    const outcome = await createBookmark(runner, "p@a", "p#b", "7").then(
      () => true,
      () => false,
    );
    expect(outcome).toBe(ok);
    expect(runner.commands[0]).toBe("zfs bookmark p@a p#b");
  });

  test("one that is gone counts as destroyed, anything else is an error", async () => {
    await destroyBookmark(
      fakeRunner(() => says("bookmark 'p#b' does not exist.")),
      "p#b",
    );
    const busy = fakeRunner(() => says("cannot destroy bookmark 'p#b': permission denied"));
    await expect(destroyBookmark(busy, "p#b")).rejects.toMatchObject({ reason: "permission" });
  });

  describe("that are to be destroyed, many", () => {
    const names = Array.from({ length: 20 }, (_, index) => `p/f ${index}#b`);
    const refused = (argv: readonly string[]) =>
      argv.includes("p/f 7#b") ? says("cannot destroy bookmark 'p/f 7#b': permission denied") : undefined;

    test("are left to xargs", async () => {
      const runs: unknown[] = [];
      const inner = fakeRunner();
      const runner: Runner = {
        ...inner,
        run: (argv, options) => {
          runs.push([argv.join(" "), options?.input]);
          return inner.run(argv, options);
        },
      };
      expect(await destroyBookmarks(runner, names)).toEqual(new Map());
      expect(runs).toEqual([["xargs -0 -n 1 -P 8 zfs destroy", `${names.join("\0")}\0`]]);
      expect(inner.commands).toEqual(names.map((name) => `zfs destroy ${name}`));
    });

    test("are tried one by one after a failure, which tells what failed", async () => {
      const failures = await destroyBookmarks(fakeRunner(refused), names);
      expect([...failures].map(([name, error]) => [name, error.message])).toEqual([
        ["p/f 7#b", expect.stringContaining("permission denied")],
      ]);
    });

    test("go eight at a time without xargs", async () => {
      const inner = fakeRunner(refused);
      let [open, most] = [0, 0];
      const runner: Runner = {
        ...inner,
        run: async (argv, options) => {
          if (argv[0] === "xargs") throw new ProgramMissingError("xargs", undefined);
          most = Math.max(most, ++open);
          await new Promise((resolve) => setImmediate(resolve));
          open--;
          return inner.run(argv, options);
        },
      };
      expect([...(await destroyBookmarks(runner, names)).keys()]).toEqual(["p/f 7#b"]);
      expect(inner.commands.toSorted()).toEqual(names.map((name) => `zfs destroy ${name}`).toSorted());
      expect(most).toBe(8);
    });
  });
});

describe("listings", () => {
  const rows = "p\tfilesystem\t1\t1\t1\t-\t-\toff\t-\n";

  test.each`
    what                         | answer                                                                                                                          | missing
    ${"all there"}               | ${{ stdout: rows }}                                                                                                             | ${[]}
    ${"a filesystem is missing"} | ${{ stdout: rows, exitCode: 1, stderr: "cannot open 'p/x y': dataset does not exist\n" }}                                       | ${["p/x y"]}
    ${"two are missing"}         | ${{ stdout: rows, exitCode: 1, stderr: "cannot open 'q': dataset does not exist\ncannot open 'r': no such pool or dataset\n" }} | ${["q", "r"]}
  `("$what", async ({ answer, missing }) => {
    const listing = await listDatasets(
      fakeRunner(() => answer),
      { roots: ["p", "p/x y", "q", "r"] },
    );
    expect([[...listing.filesystems.keys()], listing.missingRoots]).toEqual([["p"], missing]);
  });

  test("without any pool are empty", async () => {
    const listing = await listDatasets(
      fakeRunner(() => says("no datasets available")),
      { roots: [] },
    );
    expect(listing.filesystems.size).toBe(0);
  });

  const elsewhere = "cannot open 'another': dataset does not exist";
  test.each(["internal error: failed to initialize ZFS library", "", elsewhere])(
    "fail when zfs says %j",
    async (stderr) => {
      await expect(
        listDatasets(
          fakeRunner(() => says(stderr)),
          { roots: ["p"] },
        ),
      ).rejects.toThrow(/zfs list/);
    },
  );

  test("of holds skip what is gone, and fail on anything else", async () => {
    const stdout = "p@1\ta tag\tSat Nov 21 13:02 2026\n";
    const gone = fakeRunner(() => ({ stdout, exitCode: 1, stderr: "cannot open 'p@2': dataset does not exist\n" }));
    expect(await listHolds(gone, ["p@1", "p@2"])).toEqual([{ snapshot: "p@1", tag: "a tag" }]);
    await expect(
      listHolds(
        fakeRunner(() => says("cannot open 'p@1': I/O error")),
        ["p@1"],
      ),
    ).rejects.toThrow("I/O error");
    const none = fakeRunner();
    expect(await listHolds(none, [])).toEqual([]);
    expect(none.commands).toEqual([]);
  });

  test("of versions by name skip what is gone, in no process for none", async () => {
    const runner = fakeRunner(() => ({
      ...{ stdout: "p@a b\t18446744073709551615\t12\n", exitCode: 1 },
      stderr: "bookmark 'p#x' does not exist.\ncannot open 'p@y': dataset does not exist\n",
    }));
    const found = await identifyVersions(runner, ["p@a b", "p#x", "p@y"]);
    expect([...found]).toEqual([["p@a b", { guid: "18446744073709551615", createtxg: 12n }]]);
    await identifyVersions(runner, []);
    expect(runner.commands).toHaveLength(1);
  });
});
