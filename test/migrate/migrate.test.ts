import { describe, expect, test } from "vitest";
import { migratePlaceholder, migrateReplicationCursor } from "../../src/migrate/run.ts";
import { cursorName } from "../../src/zfs/abstraction.ts";
import { legacyPlaceholderHash } from "../../src/zfs/placeholder.ts";
import { play } from "../scenarios/script.ts";
import { ZfsSimulator } from "../sim/simulator.ts";
import { configOfJobs, invoke, lockFolder } from "../sim-invocation.ts";

const KEEP = [{ type: "regex", regex: ".*" }];
const LOCAL = { type: "local", listener_name: "l" };

function push(name: string, ...matches: readonly string[]) {
  return {
    ...{ type: "push", name, connect: { ...LOCAL, client_identity: "c" }, snapshotting: { type: "manual" } },
    filesystems: Object.fromEntries(matches.map((pattern) => [pattern, true])),
    pruning: { keep_sender: KEEP, keep_receiver: KEEP },
  };
}

const SINK = { type: "sink", name: "vault", root_fs: "back/sink", serve: LOCAL };

const V1 = "zrepl_replication_cursor";

describe("replication-cursor", () => {
  /** Each filesystem has @1 to @3 and an old cursor at @2; the number is where its new cursor is. */
  function world(cursors: Readonly<Record<string, number | undefined>>): ZfsSimulator {
    const sim = new ZfsSimulator({ seed: 7, nowSec: 1_700_000_000 });
    for (const pool of ["tank", "back"]) sim.addPool(pool);
    play(sim, '+ "back/sink"');
    for (const [fs, at] of Object.entries(cursors)) {
      play(sim, `+ "${fs}"\n+ "${fs}@1"\n+ "${fs}@2"\n+ "${fs}@3"\n+ "${fs}#${V1}" "${fs}@2"`);
      if (at === undefined) continue;
      const { stdout } = sim.exec(["zfs", "get", "-Hp", "-o", "value", "guid", `${fs}@${at}`]);
      play(sim, `+ "${fs}#${cursorName("prod", stdout.trim())}" "${fs}@${at}"`);
    }
    return sim;
  }

  const oldCursors = (sim: ZfsSimulator) =>
    sim
      .exec(["zfs", "list", "-H", "-r", "-t", "bookmark", "-o", "name", "tank"])
      .stdout.split("\n")
      .filter((name) => name.endsWith(`#${V1}`));

  const CURSORS = {
    "tank/same": 2,
    "tank/newer": 3,
    "tank/older": 1,
    "tank/none": undefined,
    "tank/two": 3,
    "tank/other": 3,
  };
  const JOBS = [
    push("prod", "tank/same", "tank/newer", "tank/older", "tank/none", "tank/two"),
    push("second", "tank/two"),
    SINK,
  ];

  test("goes only where the job's new cursor is not behind it", async () => {
    const sim = world(CURSORS);
    const config = await configOfJobs(JOBS, lockFolder());
    const { error, log } = await invoke({ sim, config }, migrateReplicationCursor);
    expect(oldCursors(sim).sort()).toEqual(["none", "older", "other", "two"].map((fs) => `tank/${fs}#${V1}`));
    expect([...log].sort()).toEqual([
      `error: tank/none#${V1}: job prod has no new cursor yet: let it replicate first`,
      `error: tank/older#${V1}: the new cursor of job prod is older: let it replicate first`,
      `error: tank/two#${V1}: jobs prod and second match the filesystem`,
      `info: destroyed tank/newer#${V1}`,
      `info: destroyed tank/same#${V1}`,
      `info: tank/other#${V1} left alone: no push or source job matches the filesystem`,
    ]);
    expect(error?.message).toBe("3 filesystems could not be migrated, 2 could");
  });

  test("a second run finds nothing to do", async () => {
    const sim = world({ "tank/a": 3 });
    const config = await configOfJobs([push("prod", "tank<"), SINK], lockFolder());
    expect((await invoke({ sim, config }, migrateReplicationCursor)).error).toBeUndefined();
    const again = await invoke({ sim, config }, migrateReplicationCursor);
    expect([again.error, again.log, again.runner.mutations]).toEqual([
      undefined,
      ["info: there is nothing to migrate"],
      0,
    ]);
  });

  test("--dry-run changes nothing", async () => {
    const sim = world({ "tank/a": 3 });
    const config = await configOfJobs([push("prod", "tank<"), SINK], lockFolder());
    const { stdout, runner } = await invoke({ sim, config, dryRun: true }, migrateReplicationCursor);
    expect(stdout).toEqual([`would destroy tank/a#${V1}`]);
    expect(runner.mutations).toBe(0);
  });
});

describe("placeholder", () => {
  const ROOT = "back/sink";
  const property = (sim: ZfsSimulator, fs: string) =>
    sim.exec(["zfs", "get", "-Hp", "-o", "value,source", "zrepl:placeholder", fs]).stdout.trim();

  function world(): ZfsSimulator {
    const sim = new ZfsSimulator({ seed: 7, nowSec: 1_700_000_000 });
    for (const pool of ["back", "tank"]) sim.addPool(pool);
    for (const fs of [`${ROOT}/c/old/child`, `${ROOT}/c/on`, `${ROOT}/c/off`, `${ROOT}/c/renamed`, "back/elsewhere"])
      play(sim, `+ "${fs}"`);
    const mark = (fs: string, value: string) => play(sim, `= "${fs}" zrepl:placeholder=${value}`);
    mark(`${ROOT}/c/old`, legacyPlaceholderHash(`${ROOT}/c/old`));
    mark(`${ROOT}/c/on`, "on");
    mark(`${ROOT}/c/off`, "off");
    mark(`${ROOT}/c/renamed`, legacyPlaceholderHash(`${ROOT}/c/before`));
    mark("back/elsewhere", legacyPlaceholderHash("back/elsewhere"));
    return sim;
  }

  test("marks those whose value is the hash of their name, below root_fs", async () => {
    const sim = world();
    const before = ["c/on", "c/off", "c/renamed"].map((fs) => property(sim, `${ROOT}/${fs}`));
    const config = await configOfJobs([push("prod", "tank<"), SINK], lockFolder());
    const { error } = await invoke({ sim, config }, migratePlaceholder);
    expect(error).toBeUndefined();
    expect(property(sim, `${ROOT}/c/old`)).toBe("on\tlocal");
    expect(property(sim, `${ROOT}/c/old/child`)).toMatch(/^on\tinherited/);
    expect(["c/on", "c/off", "c/renamed"].map((fs) => property(sim, `${ROOT}/${fs}`))).toEqual(before);
    expect(property(sim, "back/elsewhere")).toBe(`${legacyPlaceholderHash("back/elsewhere")}\tlocal`);
    expect((await invoke({ sim, config }, migratePlaceholder)).runner.mutations).toBe(0);
  });

  test("--dry-run changes nothing", async () => {
    const sim = world();
    const config = await configOfJobs([push("prod", "tank<"), SINK], lockFolder());
    const { stdout, runner } = await invoke({ sim, config, dryRun: true }, migratePlaceholder);
    expect(stdout).toEqual([
      expect.stringMatching(/^would mark back\/sink\/c\/old as placeholder \(old value [0-9a-f]{64}\)$/),
    ]);
    expect(runner.mutations).toBe(0);
  });

  test("a root_fs that is not there is told of, and the other jobs are done", async () => {
    const sim = world();
    const pull = {
      ...{
        type: "pull",
        name: "pull",
        connect: { type: "tcp", address: "h:1" },
        root_fs: "back/nope",
        interval: "manual",
      },
      pruning: { keep_sender: KEEP, keep_receiver: KEEP },
    };
    const config = await configOfJobs([pull, push("prod", "tank<"), SINK], lockFolder());
    const { error, log } = await invoke({ sim, config }, migratePlaceholder);
    expect(log).toContain('error: job pull: root_fs "back/nope" does not exist');
    expect(property(sim, `${ROOT}/c/old`)).toBe("on\tlocal");
    expect(error?.message).toBe("1 filesystem could not be migrated, 1 could");
  });
});
