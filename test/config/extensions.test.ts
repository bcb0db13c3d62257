/** Keys of zrepl-run's own about snapshots, selection, hooks and pruning. */
import { describe, expect, test } from "vitest";
import { load, problemsOf } from "./files.ts";

const job = (type: string, more: string) => {
  const serve = type === "snap" ? "" : "serve: {type: stdinserver, client_identities: [c]}";
  const root = type === "sink" ? "root_fs: back" : "filesystems: {'tank<': true}\n    snapshotting: {type: manual}";
  return `jobs:\n  - type: ${type}\n    name: j\n    ${root}\n    ${serve}\n    ${more}`;
};
const KEEP = "keep: [{type: last_n, count: 1}]";
const first = async (text: string) => (await load(text)).jobs[0];

describe("pruning", () => {
  test("guards", async () => {
    const guards = "min_age: 1d, max_age: 2w, allow_empty: yes, max_destroy: 20%";
    expect(await first(job("snap", `pruning: {${KEEP}, ${guards}}`))).toMatchObject({
      pruning: { minAgeSec: 86_400, maxAgeSec: 1_209_600, allowEmpty: true, maxDestroy: { percent: 20 } },
    });
    expect(await first(job("snap", `pruning: {${KEEP}, max_destroy: 100}`))).toMatchObject({
      pruning: { allowEmpty: false, maxDestroy: { count: 100 } },
    });
  });

  test("sink and source jobs may have it", async () => {
    expect(await first(job("sink", ""))).not.toHaveProperty("pruning");
    expect(await first(job("sink", `pruning: {${KEEP}}`))).toMatchObject({ pruning: { keep: [{ type: "last_n" }] } });
    const source = job("source", "pruning: {keep: [{type: not_replicated}]}");
    expect(await first(source)).toMatchObject({ pruning: { keep: [{ type: "not_replicated" }] } });
  });

  test("a calendar", async () => {
    const rule = "{type: calendar, hourly: 24, daily: 7, location: Europe/Berlin, regex: ^z_}";
    expect(await first(job("snap", `pruning: {keep: [${rule}]}`))).toMatchObject({
      pruning: {
        keep: [
          {
            counts: { hourly: 24, daily: 7, weekly: 0, monthly: 0, yearly: 0 },
            location: "Europe/Berlin",
            text: "calendar hourly 24 daily 7 Europe/Berlin /^z_/",
          },
        ],
      },
    });
  });

  test.each`
    pruning                                                      | problem
    ${`{${KEEP}, min_age: 2d, max_age: 1d}`}                     | ${"jobs[0].pruning.max_age: must be more than min_age"}
    ${`{${KEEP}, max_destroy: some}`}                            | ${"must be a number of snapshots, or a percentage such as 20%"}
    ${`{${KEEP}, max_destroy: 101%}`}                            | ${"must be at most 100%"}
    ${"{keep: [{type: calendar}]}"}                              | ${"keeps nothing; at least one of hourly, daily"}
    ${"{keep: [{type: calendar, daily: 1, location: Nowhere}]}"} | ${'unknown time zone "Nowhere"'}
    ${"{keep: [{type: calendar, daily: -1}]}"}                   | ${"must be at least 0"}
  `("$pruning: $problem", async ({ pruning, problem }) => {
    expect((await problemsOf(load(job("snap", `pruning: ${pruning}`)))).join("\n")).toContain(problem);
  });

  test("a sink can't know what is replicated", async () => {
    const problems = await problemsOf(load(job("sink", "pruning: {keep: [{type: not_replicated}]}")));
    expect(problems.join()).toContain("a sink job does not know what is replicated");
  });
});

describe("selection", () => {
  test("excludes beat patterns; a property is a condition more", async () => {
    const more = `filesystems_exclude: [/docker/, ^tank/x]\n    filesystems_by_property: {property: "a:b", values: [yes, 1]}`;
    const found = await first(job("snap", `${more}\n    pruning: {${KEEP}}`));
    if (found?.type !== "snap") throw new Error("no snap job");
    const { match, byProperty } = found.filesystems;
    expect(byProperty).toEqual({ property: "a:b", values: ["yes", "1"] });
    expect(["tank", "tank/a/docker/b", "tank/xy", "tank/docker", "other"].map((name) => match(name))).toEqual([
      ...[true, false, false, true, false],
    ]);
  });

  test.each`
    more                                                         | problem
    ${"filesystems_exclude: ['(']"}                              | ${"is not a regex that RE2 understands"}
    ${"filesystems_by_property: {property: plain, values: [a]}"} | ${"must contain a colon"}
    ${'filesystems_by_property: {property: "a:b", values: []}'}  | ${"is empty; it is required"}
    ${'filesystems_by_property: {property: "a:b"}'}              | ${"missing; it is required"}
  `("$more: $problem", async ({ more, problem }) => {
    expect((await problemsOf(load(job("snap", `${more}\n    pruning: {${KEEP}}`)))).join()).toContain(problem);
  });
});

describe("hooks", () => {
  const hooked = (hook: string) =>
    `jobs:\n  - type: snap\n    name: j\n    filesystems: {"<": true}\n    snapshotting: {type: periodic, prefix: z_, interval: 1h, hooks: [${hook}]}\n    pruning: {${KEEP}}`;

  test.each`
    hook                                                                               | problem
    ${"{type: postgres-checkpoint, dsn: justaword, filesystems: {'<': true}}"}         | ${"is not key=value from character 1 on"}
    ${"{type: mysql-lock-tables, dsn: root@tcp(localhost), filesystems: {'<': true}}"} | ${"missing the slash separating the database name"}
  `("$hook: $problem", async ({ hook, problem }) => {
    expect((await problemsOf(load(hooked(hook)))).join()).toContain(problem);
  });

  test("around the replication", async () => {
    const text = `jobs:
  - type: pull
    name: j
    root_fs: back
    interval: manual
    connect: {type: tcp, address: "h:1"}
    pruning: {keep_sender: [{type: not_replicated}], keep_receiver: [{type: last_n, count: 3}], vanished: prune}
    replication: {hooks: [{type: command, path: /x, timeout: 1m}, {type: command, path: /y, err_is_fatal: true}]}`;
    expect(await first(text)).toMatchObject({
      pruning: { vanished: "prune" },
      replication: {
        hooks: [
          { type: "command", path: "/x", timeoutSec: 60, errIsFatal: false },
          { type: "command", path: "/y", timeoutSec: 30, errIsFatal: true },
        ],
      },
    });
  });

  test("tags and skip_unchanged", async () => {
    const snapshotting = `{type: cron, prefix: z_, cron: "0 * * * *", skip_unchanged: yes, tags: {"a:b": off}}`;
    const text = `jobs: [{type: snap, name: j, filesystems: {"<": yes}, snapshotting: ${snapshotting}, pruning: {${KEEP}}}]`;
    expect(await first(text)).toMatchObject({ snapshotting: { skipUnchanged: true, tags: { "a:b": "off" } } });
    expect((await problemsOf(load(text.replace("a:b", "ab")))).join()).toContain("must contain a colon");
  });
});

describe("monitoring", () => {
  const withIt = (monitoring: string) => job("sink", `monitoring: {${monitoring}}`);

  test("thresholds", async () => {
    const all = "newest: {warn: 2h, crit: 6h}, oldest: {crit: 1w}, lag: {warn: 1d}, count: {warn: 5}, stale_hold: 2d";
    expect(await first(withIt(all))).toMatchObject({
      monitoring: {
        newestSec: { warn: 7200, crit: 21_600 },
        oldestSec: { crit: 604_800 },
        lagSec: { warn: 86_400 },
        count: { warn: 5 },
        staleHoldSec: 172_800,
      },
    });
    expect(await first(job("sink", ""))).not.toHaveProperty("monitoring");
  });

  test.each`
    monitoring                        | problem
    ${"newest: {}"}                   | ${"jobs[0].monitoring.newest: needs warn, crit or both"}
    ${"newest: {warn: 2h, crit: 1h}"} | ${"jobs[0].monitoring.newest.crit: must not be less than warn"}
    ${"count: {warn: 2h}"}            | ${"jobs[0].monitoring.count.warn"}
    ${"newest: 2h"}                   | ${"jobs[0].monitoring.newest"}
    ${"latest: {warn: 2h}"}           | ${"latest"}
  `("$monitoring: $problem", async ({ monitoring, problem }) => {
    expect((await problemsOf(load(withIt(monitoring)))).join("\n")).toContain(problem);
  });
});

describe("a sink", () => {
  test("gives nothing back unless it says so", async () => {
    expect(await first(job("sink", ""))).toMatchObject({ permissions: { receive: true, send: false } });
    expect(await first(job("sink", "permissions: {send: true}"))).toMatchObject({ permissions: { send: true } });
  });

  test("may map names", async () => {
    expect(await first(job("sink", "recv: {}"))).not.toHaveProperty("recv.rootMapping");
    expect(await first(job("sink", `recv: {root_mapping: {"tank/a<": back/c/a, "<": "!"}}`))).toMatchObject({
      recv: {
        rootMapping: new Map([
          ["tank/a<", "back/c/a"],
          ["<", "!"],
        ]),
      },
    });
    expect(await problemsOf(load(job("sink", `recv: {root_mapping: {"tank<x": back/c, a: back@x}}`)))).toHaveLength(1);
    expect((await problemsOf(load(job("sink", "recv: {root_mapping: {a: back@x}}")))).join()).toContain(
      '"back@x" is neither "!" nor a filesystem: it contains @ or #',
    );
  });

  test("may strip what names begin with, instead", async () => {
    expect(await first(job("sink", "recv: {strip_prefix: 0}"))).not.toHaveProperty("recv.stripPrefix");
    expect(await first(job("sink", "recv: {strip_prefix: 2}"))).toMatchObject({ recv: { stripPrefix: 2 } });
    for (const wrong of ["-1", "51", "many"])
      expect(await problemsOf(load(job("sink", `recv: {strip_prefix: ${wrong}}`)))).toHaveLength(1);
    expect(
      (await problemsOf(load(job("sink", "recv: {strip_prefix: 1, root_mapping: {a: back/a}}")))).join(),
    ).toContain("strip_prefix and root_mapping both say where filesystems go");
  });
});
