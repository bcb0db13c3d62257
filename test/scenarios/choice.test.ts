import { describe, expect, test } from "vitest";
import { cursorAt, cutAfter, Lab, ONE_ATTEMPT } from "./lab.ts";

const MIB = 1 << 20;

function choosing(snapshots: object, more: object = {}) {
  return {
    push: { replication: { snapshots, ...more }, conflict_resolution: { initial_replication: "all" } },
  };
}

describe("replication.snapshots", () => {
  const MIXED = `
    + "src/a"
    + "src/a@zrepl_1"
    + "src/a@by hand"
    + "src/a@zrepl_2"
    + "src/a@zrepl_tmp"
    + "src/a@zrepl_3"`;

  test("include and exclude choose what goes", async () => {
    const lab = new Lab(MIXED);
    await lab.succeed(choosing({ include: ["^zrepl_"], exclude: ["tmp$"] }));
    expect(lab.replicated("src/a")).toEqual(["zrepl_1", "zrepl_2", "zrepl_3"]);
  });

  test("most_recent sends the newest chosen one", async () => {
    const lab = new Lab(`${MIXED}
      + "src/a@later"`);
    await lab.succeed({ push: { replication: { snapshots: { include: ["^zrepl_"] } } } });
    expect(lab.replicated("src/a")).toEqual(["zrepl_3"]);
  });

  test("one that is not chosen still is a base", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@by hand"`);
    await lab.succeed();
    lab.play(`
      + "src/a@also by hand"
      + "src/a@zrepl_1"`);
    const pushed = await lab.succeed(choosing({ include: ["^zrepl_"] }));
    expect(pushed.done).toEqual(["src/a @by hand → @zrepl_1"]);
    expect(lab.replicated("src/a")).toEqual(["by hand", "zrepl_1"]);
  });

  test("newer ones that are not chosen do not make a replica out of date", async () => {
    const lab = new Lab(MIXED);
    const changes = choosing({ include: ["^zrepl_"] });
    await lab.succeed(changes);
    lab.play('+ "src/a@by hand 2"');
    const pushed = await lab.succeed(changes);
    expect(pushed.started).toEqual([]);
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("zrepl_3")]);
  });

  test("nothing chosen is nothing to do", async () => {
    const lab = new Lab(MIXED);
    await lab.succeed(choosing({ include: ["^nothing$"] }));
    expect(lab.received).toEqual([]);
  });

  test("an interrupted one that is chosen no more is cleared", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@zrepl_1"`);
    await lab.succeed();
    lab.play(`
      > "src/a" 3M
      + "src/a@by hand"
      + "src/a@zrepl_2"`);
    await lab.push({ ...cutAfter(MIB), push: { replication: ONE_ATTEMPT } });
    await lab.succeed(choosing({ exclude: ["by hand"] }));
    expect(lab.replicated("src/a")).toEqual(["zrepl_1", "zrepl_2"]);
  });
});

describe("replication.bundle", () => {
  const bundle = (more: object = {}) => choosing(more, { bundle: true, ...ONE_ATTEMPT });
  const FIVE = `
    + "src/a"
    + "src/a@1"
    + "src/a@2"
    + "src/a@3"
    + "src/a@4"
    + "src/a@5"`;

  function transfers(commands: readonly string[]): string[] {
    return commands.flatMap((command) => / -[iIt] .* \| |src\/a@\d \| /.exec(command)?.[0] ?? []);
  }

  test("sends what follows a full send as one stream, with one round of bookkeeping", async () => {
    const lab = new Lab(FIVE);
    const pushed = await lab.succeed(bundle());
    expect(pushed.done).toEqual(["src/a full → @1", "src/a @1 → @5"]);
    expect(lab.replicated("src/a")).toEqual(["1", "2", "3", "4", "5"]);
    expect(transfers(pushed.runner.commands)).toEqual(["src/a@1 | ", " -I src/a@1 src/a@5 | "]);
    expect(pushed.runner.commandsOf("zfs bookmark")).toHaveLength(1);
    expect(pushed.runner.commandsOf("zfs hold zrepl_STEP")).toHaveLength(1);
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("5")]);
    for (const name of ["1", "2", "3", "4", "5"])
      expect(lab.snapshot(`src/a@${name}`).guid).toBe(lab.snapshot(`dst/the sink/my client/src/a@${name}`).guid);
  });

  test("one that is not chosen splits the stream", async () => {
    const lab = new Lab(FIVE);
    const pushed = await lab.succeed(bundle({ exclude: ["^3$"] }));
    expect(lab.replicated("src/a")).toEqual(["1", "2", "4", "5"]);
    expect(pushed.done).toEqual(["src/a full → @1", "src/a @1 → @2", "src/a @2 → @4", "src/a @4 → @5"]);
  });

  test("from a bookmark the first goes alone: zfs can't send several from one", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed(bundle());
    lab.play(`
      - "src/a@1"
      + "src/a@2"
      + "src/a@3"
      + "src/a@4"`);
    const pushed = await lab.succeed(bundle());
    expect(pushed.done).toEqual([expect.stringMatching(/#zrepl_CURSOR.* → @2$/), "src/a @2 → @4"]);
    expect(lab.replicated("src/a")).toEqual(["1", "2", "3", "4"]);
  });

  test("interrupted in the middle: what arrived stays, the rest is resumed, then goes on as a bundle", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed(bundle());
    lab.play(`
      > "src/a" 1M
      + "src/a@2"
      > "src/a" 3M
      + "src/a@3"
      > "src/a" 1M
      + "src/a@4"
      > "src/a" 1M
      + "src/a@5"`);
    const first = await lab.push({ ...cutAfter(3 * MIB), ...bundle() });
    expect(lab.replicated("src/a")).toEqual(["1", "2"]);
    expect(lab.replica("src/a").partial?.toname).toBe("src/a@3");
    const second = await lab.succeed(bundle());
    expect(second.started).toEqual(["resume src/a @2 → @3", "src/a @3 → @5"]);
    expect(first.runner.receivedBytes + second.runner.receivedBytes).toBeLessThan(6.5 * MIB);
    expect(lab.replicated("src/a")).toEqual(["1", "2", "3", "4", "5"]);
    expect(lab.bookmarks("src/a")).toEqual([cursorAt("5")]);
    expect(lab.holds("src/a")).toEqual([]);
  });

  test("interrupted, then switched off", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed(bundle());
    lab.play(`
      > "src/a" 3M
      + "src/a@2"
      + "src/a@3"`);
    await lab.push({ ...cutAfter(MIB), ...bundle() });
    const pushed = await lab.succeed();
    expect(pushed.started).toEqual(["resume src/a @1 → @2", "src/a @2 → @3"]);
    expect(lab.holds("src/a")).toEqual([]);
  });
});
