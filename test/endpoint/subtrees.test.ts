import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { observe } from "../../src/endpoint/observe.ts";
import { Subtrees } from "../../src/endpoint/subtrees.ts";
import { holdSnapshots, releaseSnapshots } from "../../src/zfs/hold.ts";
import { SimRunner } from "../crash/sim-runner.ts";
import { ZfsSimulator } from "../sim/simulator.ts";

/** A simulated pool with these datasets and snapshots. */
function world(...names: readonly string[]): { sim: ZfsSimulator; runner: SimRunner } {
  const sim = new ZfsSimulator({ seed: 7, nowSec: 1_700_000_000 });
  for (const pool of ["tank", "back"]) sim.addPool(pool);
  for (const name of names) {
    const argv = name.includes("@") ? ["zfs", "snapshot", name] : ["zfs", "create", name];
    const { exitCode, stderr } = sim.exec(argv);
    if (exitCode !== 0) throw new Error(stderr);
  }
  return { sim, runner: new SimRunner({ sim }) };
}

const look = async (runner: SimRunner, roots: readonly string[], depth?: number) =>
  new Subtrees(await observe(runner, { roots, ...(depth === undefined ? {} : { depth }) }, () => true));

const TREE = ["tank/a", "tank/a/x", "tank/a/y", "tank/b", "tank/b/z"];
const at = (snapshot: string) => TREE.map((name) => `${name}@${snapshot}`);

describe("snapshots that are", () => {
  test("all there are of a name are named once", async () => {
    const { runner } = world(...TREE, ...at("1"));
    const { recursive, single } = (await look(runner, ["tank"])).cover(at("1"));
    expect([...recursive]).toEqual([["tank@1", at("1")]]);
    expect(single).toEqual([]);
  });

  test("whole below the roots alone are named there", async () => {
    const { runner } = world(...TREE, ...at("1"));
    const subtrees = await look(runner, ["tank/a", "tank/b"]);
    expect([...subtrees.cover(at("1")).recursive.keys()]).toEqual(["tank/a@1", "tank/b@1"]);
  });

  test("not all of them are named in parts", async () => {
    const { runner } = world(...TREE, ...at("1"));
    const subtrees = await look(runner, ["tank"]);
    const { recursive, single } = subtrees.cover(["tank/a@1", "tank/a/x@1", "tank/a/y@1", "tank/b@1"]);
    expect([...recursive.keys()]).toEqual(["tank/a@1"]);
    expect(single).toEqual(["tank/b@1"]); // with -r, tank/b/z@1 would be held too
  });

  test("of different names are named as they are", async () => {
    const { runner } = world(...TREE, "tank/a@1", "tank/b@2");
    const { recursive, single } = (await look(runner, ["tank"])).cover(["tank/a@1", "tank/b@2"]);
    expect([recursive.size, single]).toEqual([0, ["tank/a@1", "tank/b@2"]]);
  });

  test("above what is received are named in parts: it may get snapshots of that name", async () => {
    const { runner } = world(...TREE, ...at("1"), "tank/sink");
    const observation = await observe(runner, { roots: ["tank"] }, () => true);
    const { recursive } = new Subtrees(observation, ["tank/sink", "back/sink"]).cover(at("1"));
    expect([...recursive.keys()]).toEqual(["tank/a@1", "tank/b@1"]);
    expect([...new Subtrees(observation, ["back/sink"]).cover(at("1")).recursive.keys()]).toEqual(["tank@1"]);
  });

  test("expected elsewhere, or in what was not listed, are named as they are", async () => {
    const { runner } = world(...TREE, ...at("1"), "back/c", "back/c@1");
    const subtrees = await look(runner, ["tank"]);
    subtrees.expect("tank/new", "1");
    expect([...subtrees.cover(at("1")).recursive.keys()]).toEqual(["tank/a@1", "tank/b@1"]);
    expect((await look(runner, TREE, 1)).cover(at("1")).recursive.size).toBe(0);
    expect(new Subtrees().cover(at("1")).recursive.size).toBe(0);
    expect((await look(runner, ["tank"])).cover([...at("1"), "back/c@1"]).single).toEqual(["back/c@1"]);
  });
});

test("what is held and released is what was asked for, however it is named", async () => {
  const names = [
    "tank/a",
    "tank/a/x",
    "tank/a/x/1",
    "tank/a/y",
    "tank/b",
    "tank/b c",
    "tank/b/z",
    "back/a",
    "back/a/x",
  ];
  const subset = <T>(all: readonly T[]) => fc.subarray([...all]);
  const snapshots = names.flatMap((name) => [`${name}@1`, `${name}@2`]);
  const roots = [["tank", "back"], [], ["tank/a", "tank/b"], ["back/a", "tank"]];
  await fc.assert(
    fc.asyncProperty(
      subset(snapshots),
      subset(snapshots),
      subset(snapshots),
      fc.constantFrom(...roots),
      async (there, first, then, listed) => {
        const { sim, runner } = world(...names, ...there);
        const subtrees = await look(runner, listed);
        const held = () =>
          names.flatMap((name) =>
            (sim.world.pools[name.split("/")[0] ?? ""]?.datasets[name]?.snapshots ?? [])
              .filter(({ holds }) => "tag" in holds)
              .map((snapshot) => `${name}@${snapshot.name}`),
          );
        const toHold = first.filter((name) => there.includes(name));
        expect((await holdSnapshots(runner, "tag", subtrees.cover(toHold))).size).toBe(0);
        expect(held().sort()).toEqual([...toHold].sort());
        const toRelease = then.filter((name) => there.includes(name));
        const isHeld = (dataset: string, snapshot: string) => toHold.includes(`${dataset}@${snapshot}`);
        expect((await releaseSnapshots(runner, "tag", subtrees.cover(toRelease, isHeld))).size).toBe(0);
        expect(held().sort()).toEqual(toHold.filter((name) => !toRelease.includes(name)).sort());
      },
    ),
    { numRuns: 300 },
  );
});

test("one that has the tag, or none to take off, does not keep the others from it", async () => {
  const { sim, runner } = world(...TREE, ...at("1"));
  const subtrees = await look(runner, ["tank"]);
  sim.exec(["zfs", "hold", "tag", "tank/a/x@1"]); // since it was listed
  expect((await holdSnapshots(runner, "tag", subtrees.cover(at("1")))).size).toBe(0);
  sim.exec(["zfs", "release", "tag", "tank/b@1"]);
  expect((await releaseSnapshots(runner, "tag", subtrees.cover(at("1")))).size).toBe(0);
  const tags = TREE.flatMap((name) => Object.keys(sim.world.pools["tank"]?.datasets[name]?.snapshots[0]?.holds ?? {}));
  expect(tags).toEqual([]);
});
