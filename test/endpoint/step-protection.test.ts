import { describe, expect, test } from "vitest";
import type { Guarantee } from "../../src/config/config.ts";
import type { ConfirmedStep, FilesystemState, StepRequest } from "../../src/endpoint/endpoint.ts";
import { StepProtection } from "../../src/endpoint/step-protection.ts";
import { cursorName, stepHoldTag, tentativeCursorName } from "../../src/zfs/abstraction.ts";
import { type Answer, fakeRunner, says } from "../fake-runner.ts";
import { state } from "../replicate/states.ts";
import { versions } from "../versions.ts";

const JOB = "p";
const cursor = (guid: number) => cursorName(JOB, String(guid));
const tentative = (guid: number) => tentativeCursorName(JOB, String(guid));
const held = (...snapshots: string[]) => ({ holds: new Map(snapshots.map((name) => [name, [stepHoldTag(JOB)]])) });

function request(filesystem: string, history: string, guarantee: Guarantee, via = ""): StepRequest {
  const found = versions(history);
  const to = found.at(-1);
  if (to === undefined) throw new Error("a version");
  const from = found.length > 1 ? found[0] : undefined;
  return { filesystem, type: "filesystem", from, to, via: versions(via), resumeToken: undefined, guarantee };
}

function confirmed(filesystem: string, to: string, guarantee: Guarantee, unfinished?: StepRequest): ConfirmedStep {
  const [version] = versions(to);
  if (version === undefined) throw new Error("a version");
  return { filesystem, to: version, guarantee, unfinished };
}

function protection(states: readonly FilesystemState[], answer?: (argv: readonly string[]) => Answer) {
  const runner = fakeRunner(answer);
  const leftovers: string[] = [];
  const made = new StepProtection(runner, JOB, (message) => leftovers.push(message));
  made.observe(states);
  /** What was run since the last call, with the job's names shortened. */
  const commands = () =>
    runner.commands.splice(0).map((line) =>
      line
        .replaceAll(/zrepl_CURSOR_G_0*([0-9a-f]+)_J_p/g, "CURSOR$1")
        .replaceAll(/zrepl_CURSORTENTATIVE__G_0*([0-9a-f]+)_J_p/g, "TENTATIVE$1")
        .replaceAll("zrepl_STEP_J_p", "STEP")
        .replace(/^zfs /, ""),
    );
  return { made, leftovers, commands };
}

const LOOK = (names: string) => `list -Hp -t snapshot,bookmark -o name,guid,createtxg -- ${names}`;

/** Answers who looks again: name, guid, name, guid, … of the snapshots that are there. */
function present(...snapshots: readonly (string | number)[]): (argv: readonly string[]) => Answer {
  const lines = snapshots.flatMap((name, i) => (i % 2 === 0 ? [`${name}\t${snapshots[i + 1]}\t1\n`] : []));
  return (argv) => (argv[1] === "list" ? { stdout: lines.join("") } : undefined);
}

const [RESUMABLE, INCREMENTAL, NOTHING] = [
  "guarantee_resumability",
  "guarantee_incremental",
  "guarantee_nothing",
] as const;

describe("before a step", () => {
  test.each`
    guarantee      | history        | via       | commands
    ${RESUMABLE}   | ${"@a,1"}      | ${""}     | ${["hold STEP t@a"]}
    ${RESUMABLE}   | ${"@a,1 @b,2"} | ${""}     | ${["hold STEP t@a t@b"]}
    ${RESUMABLE}   | ${"#a,1 @b,2"} | ${""}     | ${["hold STEP t@b"]}
    ${RESUMABLE}   | ${"@a,1 @c,3"} | ${"@b,2"} | ${["hold STEP t@a t@b t@c"]}
    ${INCREMENTAL} | ${"@a,1"}      | ${""}     | ${["bookmark t@a t#TENTATIVE1"]}
    ${INCREMENTAL} | ${"@a,1 @b,2"} | ${""}     | ${["bookmark t@a t#TENTATIVE1", "bookmark t@b t#TENTATIVE2"]}
    ${INCREMENTAL} | ${"#a,1 @b,2"} | ${""}     | ${["bookmark t@b t#TENTATIVE2"]}
    ${NOTHING}     | ${"@a,1 @b,2"} | ${""}     | ${[]}
  `("$guarantee of $history protects what it needs (§3.4)", async ({ guarantee, history, via, commands }) => {
    const ends = protection([state("t", "@a,1 @b,2 @c,3")]);
    expect(await ends.made.prepare([request("t", history, guarantee, via)])).toEqual(new Map());
    expect(ends.commands()).toEqual(commands);
  });

  test("what is protected already is not protected again", async () => {
    const there = [state("t", "@a,1 @b,2", held("a")), state("u", `@a,1 #${tentative(1)},1`)];
    const ends = protection(there);
    await ends.made.prepare([request("t", "@a,1 @b,2", RESUMABLE), request("u", "@a,1", INCREMENTAL)]);
    expect(ends.commands()).toEqual(["hold STEP t@b"]);
  });

  test("what earlier runs left goes only after the new protection is there; cursors stay", async () => {
    const there = state("t", `@a,1 @b,2 @c,3 #${cursor(1)},1 #${tentative(1)},1`, held("a", "b"));
    const ends = protection([there], present("t@b", 2, "t@c", 3));
    await ends.made.prepare([request("t", "@b,2 @c,3", RESUMABLE)]);
    expect(ends.commands()).toEqual([
      ...["hold STEP t@c", LOOK("t@b t@c"), "destroy t#TENTATIVE1", "release STEP t@a"],
    ]);
  });

  test.each([
    ["destroyed", ["p/t@c", 3]],
    ["another one by now", ["p/t@b", 9, "p/t@c", 3]],
  ])("a tentative cursor stays while its snapshot, %s, can't be held in its place", async (_what, snapshots) => {
    const there = [state("p/t", `@b,2 @c,3 #${tentative(2)},2`), state("p/u", "@b,2 @c,3")];
    const ends = protection(there, present(...snapshots));
    const requests = ["p/t", "p/u"].map((name) => request(name, "@b,2 @c,3", RESUMABLE));
    const failures = await ends.made.prepare(requests);
    expect([...failures].map(([name, error]) => [name, error.message])).toEqual([
      ["p/t", "p/t@b has been destroyed since it was listed"],
    ]);
    expect(ends.commands()).toEqual(["hold STEP p/t@b p/t@c p/u@b p/u@c", LOOK("p/t@b p/t@c")]);
  });

  test("a tentative cursor that is the step's base is not destroyed (zrepl #666, #714)", async () => {
    const base = `#${tentative(1)},1`;
    for (const guarantee of [RESUMABLE, INCREMENTAL, NOTHING]) {
      const ends = protection([state("t", `${base} #${tentative(9)},9 @b,2`)], present("t@b", 2));
      await ends.made.prepare([request("t", `${base} @b,2`, guarantee)]);
      const destroyed = ends.commands().filter((line) => line.startsWith("destroy"));
      expect([guarantee, destroyed]).toEqual([guarantee, ["destroy t#TENTATIVE9"]]);
    }
  });

  test("what is another job's or the user's is not touched", async () => {
    const other = cursorName("other", "1");
    const mine = { holds: new Map([["a", ["mine", stepHoldTag("other")]]]) };
    const ends = protection([state("t", `@a,1 @b,2 #${other},1 #own,1 #${tentativeCursorName("other", "1")},1`, mine)]);
    await ends.made.prepare([request("t", "@b,2", RESUMABLE)]);
    await ends.made.complete([confirmed("t", "@b,2", RESUMABLE)]);
    expect(ends.commands()).toEqual(["hold STEP t@b", "bookmark t@b t#CURSOR2", "release STEP t@b"]);
  });

  test("the holds of many filesystems cost one process", async () => {
    const names = ["a", "b", "c", "d e"];
    const ends = protection(names.map((name) => state(name, "@1,1 @2,2")));
    await ends.made.prepare(names.map((name) => request(`tank/${name}`, "@1,1 @2,2", RESUMABLE)));
    expect(ends.commands()).toEqual([
      "hold STEP tank/a@1 tank/a@2 tank/b@1 tank/b@2 tank/c@1 tank/c@2 tank/d e@1 tank/d e@2",
    ]);
  });

  test("several steps of one filesystem: the snapshot between them is held once", async () => {
    const ends = protection([state("t", "@a,1 @b,2 @c,3")]);
    await ends.made.prepare([request("t", "@a,1 @b,2", RESUMABLE), request("t", "@b,2 @c,3", RESUMABLE)]);
    expect(ends.commands()).toEqual(["hold STEP t@a t@b t@c"]);
  });

  test("a filesystem that can't be protected fails alone, and nothing of it is removed", async () => {
    const ends = protection([state("p/t", "@a,1 @b,2", held("a")), state("p/u", "@a,1 @b,2", held("a"))], (argv) =>
      argv[1] === "hold" ? says("cannot hold snapshot 'p/t@b': dataset does not exist") : undefined,
    );
    const failures = await ends.made.prepare([request("p/t", "@b,2", RESUMABLE), request("p/u", "@b,2", RESUMABLE)]);
    expect([...failures.keys()]).toEqual(["p/t"]);
    expect(ends.commands()).toEqual(["hold STEP p/t@b p/u@b", "release STEP p/u@a"]);
  });

  test("with a guarantee_incremental that fails, too", async () => {
    const ends = protection([state("t", "@a,1"), state("u", "@a,1")], (argv) =>
      argv[2] === "t@a" ? says("cannot open 't@a': dataset does not exist") : undefined,
    );
    const failures = await ends.made.prepare([request("t", "@a,1", INCREMENTAL), request("u", "@a,1", INCREMENTAL)]);
    expect([...failures.keys()]).toEqual(["t"]);
  });
});

describe("after a step", () => {
  test("the new cursor is there before the old one goes; the holds go last", async () => {
    const there = state("t", `@a,1 @b,2 #${cursor(1)},1 #${tentative(1)},1`, held("a", "b"));
    const ends = protection([there]);
    expect(await ends.made.complete([confirmed("t", "@b,2", RESUMABLE)])).toEqual(new Map());
    expect(ends.commands()).toEqual([
      ...["bookmark t@b t#CURSOR2", "destroy t#TENTATIVE1", "destroy t#CURSOR1", "release STEP t@a t@b"],
    ]);
  });

  test("without a cursor, nothing that protects goes", async () => {
    const there = state("t", `@a,1 @b,2 #${cursor(1)},1`, held("a", "b"));
    const ends = protection([there], (argv) =>
      argv[1] === "bookmark" ? says("cannot create bookmark 't#x': out of space") : undefined,
    );
    const failures = await ends.made.complete([confirmed("t", "@b,2", RESUMABLE)]);
    expect(failures.get("t")?.message).toContain("out of space");
    expect(ends.commands()).toEqual(["bookmark t@b t#CURSOR2"]);
  });

  test("a cursor that is there already is not made again", async () => {
    const ends = protection([state("t", `@a,1 #${cursor(1)},1`, held("a"))]);
    await ends.made.complete([confirmed("t", "@a,1", RESUMABLE)]);
    expect(ends.commands()).toEqual(["release STEP t@a"]);
  });

  test("a snapshot that was destroyed during the step leaves its tentative cursor to make the cursor of", async () => {
    const ends = protection([state("t", `@a,1 @b,2 #${tentative(2)},2`)], (argv) =>
      argv[2] === "t@b" ? says("cannot open 't@b': dataset does not exist") : undefined,
    );
    expect(await ends.made.complete([confirmed("t", "@b,2", INCREMENTAL)])).toEqual(new Map());
    expect(ends.commands()).toEqual([
      ...["bookmark t@b t#CURSOR2", "bookmark t#TENTATIVE2 t#CURSOR2", "destroy t#TENTATIVE2"],
    ]);
  });

  test("guarantee_nothing makes nothing and removes what is there", async () => {
    const ends = protection([state("t", `@a,1 @b,2 #${cursor(1)},1 #${tentative(1)},1`, held("a"))]);
    await ends.made.complete([confirmed("t", "@b,2", NOTHING)]);
    expect(ends.commands()).toEqual(["destroy t#TENTATIVE1", "destroy t#CURSOR1", "release STEP t@a"]);
  });

  test("the next step's protection stays while it is unfinished", async () => {
    const ends = protection([state("t", "@a,1 @b,2 @c,3")]);
    const next = request("t", "@b,2 @c,3", RESUMABLE);
    await ends.made.prepare([request("t", "@a,1 @b,2", RESUMABLE), next]);
    ends.commands();
    await ends.made.complete([confirmed("t", "@b,2", RESUMABLE, next)]);
    expect(ends.commands()).toEqual(["bookmark t@b t#CURSOR2", "release STEP t@a"]);
  });

  test("what can't be removed is told, and does not fail the step", async () => {
    const ends = protection([state("t", `@a,1 @b,2 #${cursor(1)},1`, held("a"))], (argv) =>
      argv[1] === "bookmark" ? undefined : says("cannot do that: I/O error"),
    );
    expect(await ends.made.complete([confirmed("t", "@b,2", RESUMABLE)])).toEqual(new Map());
    expect(ends.leftovers).toHaveLength(2);
  });

  test("a name that no bookmark can have fails that filesystem, with what to do", async () => {
    const long = `tank/${"x".repeat(230)}`;
    const ends = protection([state(long, "@a,1"), state("t", "@a,1")]);
    const failures = await ends.made.complete([confirmed(long, "@a,1", RESUMABLE), confirmed("t", "@a,1", RESUMABLE)]);
    expect([...failures.keys()]).toEqual([long]);
    expect(failures.get(long)).toMatchObject({ hint: expect.stringContaining("at most 255 bytes") });
    expect(ends.commands()).toEqual(["bookmark t@a t#CURSOR1"]);
  });

  test("many cursors are made in one process; what it does not make is made one by one", async () => {
    const names = ["p/a", "p/b", "p/c d"];
    const all = names.map((name) => state(name, `@a,1 @b,2 #${cursor(1)},1`));
    const program = protection(all, (argv) => {
      if (argv[1] !== "program") return undefined;
      const errnos = argv.filter((arg) => arg.includes("\t")).map((arg) => [arg, arg.startsWith("p/b") ? 28 : 0]);
      return { stdout: JSON.stringify({ return: Object.fromEntries(errnos) }) };
    });
    await program.made.complete(names.map((name) => confirmed(name, "@b,2", RESUMABLE)));
    const commands = program.commands();
    expect(commands[0]).toMatch(/^program /);
    expect(commands.slice(1)).toEqual([
      "bookmark p/b@b p/b#CURSOR2",
      ...names.map((name) => `destroy ${name}#CURSOR1`),
    ]);
    const refused = protection(all, (argv) => (argv[1] === "program" ? says("Permission denied.") : undefined));
    await refused.made.complete(names.map((name) => confirmed(name, "@b,2", RESUMABLE)));
    expect(refused.commands().filter((line) => line.startsWith("bookmark"))).toHaveLength(3);
  });
});

test("holds go only after all old cursors", async () => {
  const names = Array.from({ length: 20 }, (_, index) => `t/${index}`);
  const ends = protection(names.map((name) => state(name, `#${cursor(1)},1 @b,2`, held("b"))));
  expect(await ends.made.complete(names.map((name) => confirmed(name, "@b,2", RESUMABLE)))).toEqual(new Map());
  const verbs = ends.commands().map((line) => line.split(" ")[0]);
  expect(verbs.filter((verb) => verb === "destroy")).toHaveLength(20);
  expect(verbs.slice(verbs.lastIndexOf("destroy") + 1)).toEqual(["release"]);
});
