import { describe, expect, test } from "vitest";
import { Lab } from "./lab.ts";

/** Their names are in the other order than their ages. */
const THREE = `
  + "src/foo bar"
  + "src/foo bar@3"
  + "src/foo bar@2"
  + "src/foo bar@1"`;

function initial(policy: string) {
  return { push: { conflict_resolution: { initial_replication: policy } } };
}

describe("initial replication", () => {
  test("all: every snapshot in the order of their creation", async () => {
    const lab = new Lab(THREE);
    const pushed = await lab.succeed(initial("all"));
    expect(pushed.done).toEqual(["src/foo bar full → @3", "src/foo bar @3 → @2", "src/foo bar @2 → @1"]);
    expect(lab.replicated("src/foo bar")).toEqual(["3", "2", "1"]);
  });

  test("most_recent: the newest by creation, not by name", async () => {
    const lab = new Lab(THREE);
    const pushed = await lab.succeed(initial("most_recent"));
    expect(pushed.done).toEqual(["src/foo bar full → @1"]);
    expect(lab.replicated("src/foo bar")).toEqual(["1"]);
  });

  test("fail: a plan error, nothing on the receiver", async () => {
    const lab = new Lab(THREE);
    const pushed = await lab.push(initial("fail"));
    expect(pushed.failures).toEqual({
      "src/foo bar": "automatic conflict resolution for initial replication is disabled in config",
    });
    expect(lab.received).toEqual([]);
    expect(lab.holds("src/foo bar")).toEqual([]);
  });

  test("fail lets a filesystem that is there go on, and keeps new children of new parents out", async () => {
    const lab = new Lab(THREE);
    await lab.succeed();
    lab.play(`
      + "src/foo bar@4"
      + "src/new"
      + "src/new/child"
      + "src/new/child@1"`);
    const pushed = await lab.push(initial("fail"));
    expect(lab.replicated("src/foo bar")).toEqual(["1", "4"]);
    expect(Object.keys(pushed.failures)).toEqual(["src/new/child"]);
  });
});

describe("a sender's filesystem", () => {
  test("without snapshots is nothing to do, no error (zrepl fails on it)", async () => {
    const lab = new Lab('+ "src/empty"');
    const pushed = await lab.succeed();
    expect(pushed.result).toMatchObject({ matched: 1, failed: 0 });
    expect(lab.received).toEqual([]);
  });

  test.each(["most_recent", "all", "fail"])(
    "with bookmarks only is nothing to do with %s (zrepl #558)",
    async (policy) => {
      const lab = new Lab(`
      + "src/a"
      + "src/a@1"
      + "src/a#b" "src/a@1"
      - "src/a@1"`);
      const pushed = await lab.succeed(initial(policy));
      expect(pushed.started).toEqual([]);
      expect(lab.received).toEqual([]);
    },
  );

  test("with bookmarks only and a replica without a common version is nothing to do", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed();
    for (const { name } of [...lab.dataset("src/a").bookmarks]) lab.play(`- "src/a#${name}"`);
    lab.play('- "src/a@1"');
    await lab.succeed();
    lab.play(`
      + "src/a@2"
      + "src/a#2" "src/a@2"
      - "src/a@2"`);
    const pushed = await lab.succeed();
    expect(pushed.started).toEqual([]);
    expect(lab.replicated("src/a")).toEqual(["1"]);
  });

  test("with snapshots that were made by hand is replicated like any other", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@by hand"`);
    await lab.succeed();
    expect(lab.replicated("src/a")).toEqual(["by hand"]);
  });

  test("that is a clone is sent in full", async () => {
    const lab = new Lab(`
      + "src/a"
      > "src/a" 1M
      + "src/a@1"
      $ zfs clone "src/a@1" "src/clone"
      + "src/clone@2"`);
    const pushed = await lab.succeed();
    expect(pushed.done).toContain("src/clone full → @2");
    expect(lab.content("dst/the sink/my client/src/clone@2")).toEqual(lab.content("src/clone@2"));
  });

  test("that was renamed is a new one; the old replica stays", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed();
    lab.play('$ zfs rename "src/a" "src/b"');
    await lab.succeed();
    expect(lab.received).toEqual(["src", "src/a", "src/b"]);
  });

  test("may have renamed snapshots: the guid counts", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"`);
    await lab.succeed();
    lab.play(`
      $ zfs rename "src/a@1" "src/a@one"
      + "src/a@2"`);
    expect((await lab.succeed()).done).toEqual(["src/a @one → @2"]);
    expect(lab.replicated("src/a")).toEqual(["1", "2"]);
  });

  test("that is a volume is replicated", async () => {
    const lab = new Lab(`
      + "src/vol" volsize=8M
      + "src/vol@1"
      + "src/vol@2"`);
    await lab.succeed({ push: { conflict_resolution: { initial_replication: "all" } } });
    expect(lab.replica("src/vol").kind).toBe("volume");
    expect(lab.replicated("src/vol")).toEqual(["1", "2"]);
  });
});

describe("a receiver's filesystem", () => {
  test("without snapshots is a conflict that says what to do; nothing is sent", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"
      + "dst/the sink/my client/src/a"`);
    const pushed = await lab.push();
    expect(pushed.failures["src/a"]).toMatch(/has no snapshots\n.*zfs destroy 'dst\/the sink\/my client\/src\/a'/);
    expect(pushed.started).toEqual([]);
    expect(lab.replicated("src/a")).toEqual([]);

    lab.play('- "dst/the sink/my client/src/a"');
    await lab.succeed();
    expect(lab.replicated("src/a")).toEqual(["1"]);
  });

  test("without snapshots but with replicas below is not to be destroyed: the advice is another, and works", async () => {
    const lab = new Lab(`
      + "src/a/b"
      + "src/a/b@1"
      + "dst/the sink/my client/src/a"`);
    await lab.succeed();
    lab.play('+ "src/a@2"');
    const { failures } = await lab.push();
    const command = /on the receiver: (zfs .*)/.exec(failures["src/a"] ?? "")?.[1] ?? "";
    expect(command).toBe("zfs set zrepl:placeholder=on 'dst/the sink/my client/src/a'");
    lab.play(`$ ${command.replaceAll("'", '"')}`);
    await lab.succeed();
    expect([lab.replicated("src/a"), lab.replicated("src/a/b")]).toEqual([["2"], ["1"]]);
  });

  test("that the sender does not have is not touched", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"
      + "dst/the sink/my client/src/b"
      + "dst/the sink/my client/src/b@mine"`);
    await lab.succeed();
    expect(lab.replicated("src/b")).toEqual(["mine"]);
  });

  test("needs its root_fs", async () => {
    const lab = new Lab(`
      + "src/a"
      + "src/a@1"
      - "dst/the sink"`);
    const pushed = await lab.push();
    expect(pushed.error?.message).toBe('root_fs "dst/the sink" does not exist');
    expect(lab.holds("src/a")).toEqual([]);
  });
});
