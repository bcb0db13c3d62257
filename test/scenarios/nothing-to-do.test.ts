/** With nothing to do, a listing of each side is enough to know so; wherever that is in doubt, more is looked at. */
import { describe, expect, test } from "vitest";
import { cursorAt, LAST_RECEIVED, Lab, ONE_ATTEMPT, protection, RECEIVER, STEP } from "./lab.ts";

const REPLICA = `${RECEIVER}/src/a/b`;

/** Filesystems with and without snapshots, a volume, and a placeholder above what is replicated. */
async function replicated(): Promise<Lab> {
  const lab = new Lab(`
    + "src/a/b"
    + "src/a/b@1"
    + "src/vol" volsize=8M
    + "src/vol@1"
    + "src/empty"`);
  await lab.succeed();
  lab.play(`
    + "src/a/b@2"
    + "src/vol@2"`);
  await lab.succeed();
  expect(lab.holds(REPLICA)).toEqual([`@2: ${LAST_RECEIVED}`]);
  return lab;
}

/** The verbs of the commands of the next run. */
async function verbs(lab: Lab, ...options: Parameters<Lab["succeed"]>): Promise<string[]> {
  const { runner, started } = await lab.succeed(...options);
  expect(started).toEqual([]);
  return runner.commands.map((command) => command.split(" ")[1] ?? "");
}

test("two processes, whatever there is", async () => {
  expect(await verbs(await replicated())).toEqual(["list", "list"]);
});

test("the newest replica's only hold counts as ours, because the sender's cursor came after it", async () => {
  const lab = await replicated();
  lab.play(`
    - "${REPLICA}@2" "${LAST_RECEIVED}"
    + "${REPLICA}@2" "somebody's"`);
  expect(await verbs(lab)).toEqual(["list", "list"]);
  lab.play(`- "${REPLICA}@2" "somebody's"`);
  await lab.succeed();
  expect(lab.holds(REPLICA)).toEqual([`@2: ${LAST_RECEIVED}`]);
});

describe("in doubt,", () => {
  test.each([
    ["somebody holds the newest replica, too", `+ "${REPLICA}@2" "theirs"`],
    ["somebody holds an older one", `+ "${REPLICA}@1" "theirs"`],
  ])("as %s, holds and marks are looked up, and nothing is changed", async (_what, script) => {
    const lab = await replicated();
    lab.play(script);
    const before = lab.sim.dump();
    expect((await verbs(lab)).sort()).toEqual(["get", "holds", "list", "list"]);
    expect(lab.sim.dump().split("\n").slice(1)).toEqual(before.split("\n").slice(1));
  });

  test.each([
    ["our hold is gone", `- "${REPLICA}@2" "${LAST_RECEIVED}"`],
    ["our hold is on an older replica", `- "${REPLICA}@2" "${LAST_RECEIVED}"\n+ "${REPLICA}@1" "${LAST_RECEIVED}"`],
    ["there is one too many", `+ "${REPLICA}@1" "${LAST_RECEIVED}"`],
    ["a step hold is left", `+ "src/a/b@1" "${STEP}"`],
  ])("as %s, all is put right", async (_what, script) => {
    const lab = await replicated();
    lab.play(script);
    await lab.succeed();
    expect(lab.holds(REPLICA)).toEqual([`@2: ${LAST_RECEIVED}`]);
    expect(lab.holds("src/a/b")).toEqual([]);
    expect(lab.bookmarks("src/a/b")).toEqual([cursorAt("2")]);
    expect(await verbs(lab)).toEqual(["list", "list"]);
  });

  test("as the cursor is gone, it is made again", async () => {
    const lab = await replicated();
    const [cursor] = lab.dataset("src/a/b").bookmarks;
    lab.play(`- "src/a/b#${cursor?.name}"`);
    await lab.succeed();
    expect(lab.bookmarks("src/a/b")).toEqual([cursorAt("2")]);
  });

  test.each(["resumability", "nothing"])(
    "as a placeholder kept its mark (guarantee: %s), it is taken off",
    async (kind) => {
      const lab = new Lab(`
      + "src/a/b"
      + "src/a/b@1"`);
      await lab.succeed(protection(kind));
      lab.play('+ "src/a@1"');
      const refused = { kind: "fail", stderr: "cannot set property for 'x': permission denied" } as const;
      const pushed = await lab.push({
        ...protection(kind, kind, ONE_ATTEMPT),
        troubles: [{ at: /^zfs set zrepl:placeholder=off/, what: refused }],
      });
      expect(pushed.failures["src/a"]).toContain("permission denied");
      expect(lab.replicated("src/a")).toEqual(["1"]);
      await lab.succeed(protection(kind));
      expect(lab.replica("src/a").props["zrepl:placeholder"]?.local).toBe("off");
    },
  );

  test("as nothing is to be protected any more, our hold goes, and only ours", async () => {
    const lab = await replicated();
    lab.play(`+ "${RECEIVER}/src/vol@2" "theirs"`);
    await lab.succeed(protection("nothing"));
    expect([lab.holds(REPLICA), lab.holds(`${RECEIVER}/src/vol`)]).toEqual([[], ["@2: theirs"]]);
  });
});
