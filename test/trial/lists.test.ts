import { describe, expect, test } from "vitest";
import { UsageError } from "../../src/errors.ts";
import { judgeFilesystem } from "../../src/trial/filesystems.ts";
import { tryPlan } from "../../src/trial/plan.ts";
import { tryPrune } from "../../src/trial/prune.ts";
import { load } from "../config/files.ts";

const CONFIG = `jobs:
  - type: snap
    name: s
    filesystems: {"tank<": true, "tank/tmp<": false, "tank/tmp/keep": true}
    filesystems_exclude: ["/docker/"]
    filesystems_by_property: {property: "com.example:backup", values: ["yes", "daily"]}
    snapshotting: {type: manual}
    pruning: {keep: [{type: grid, grid: 1x1h(keep=all) | 2x2h | 1x3h, regex: .}]}
  - type: push
    name: p
    connect: {type: local, listener_name: here, client_identity: me}
    filesystems: {"tank<": true, "tank/no": false}
    snapshotting: {type: manual}
    pruning:
      keep_sender: [{type: not_replicated}, {type: last_n, count: 1}]
      keep_receiver: [{type: last_n, count: 2}]
  - type: sink
    name: k
    root_fs: back/sink
    serve: {type: local, listener_name: here}
`;
const config = await load(CONFIG);
const [snap, push] = config.jobs;
if (snap?.type !== "snap" || push?.type !== "push") throw new Error("other jobs than in the text");

const list = (rows: readonly (readonly (string | number)[])[]) => rows.map((row) => `${row.join("\t")}\n`).join("");

describe("test prune", () => {
  const nowSec = 100_000;
  const prune = (more: Partial<Parameters<typeof tryPrune>[0]>) =>
    tryPrune({
      job: push,
      side: "sender",
      snapshots: "",
      cursor: undefined,
      json: true,
      nowSec,
      paint: undefined,
      ...more,
    });
  const three = list([
    ["tank/a@1", 11, 1, 100, 0],
    ["tank/a@2", 12, 2, 200, 1],
    ["tank/a@3", 13, 3, 300, 0],
  ]);

  test("one event per snapshot", () => {
    const of = { event: "plannedPrune", job: push.name, side: "sender", filesystem: "tank/a" };
    expect(prune({ snapshots: three, cursor: "13" }).map((line) => JSON.parse(line))).toEqual([
      { ...of, name: "1", guid: "11", creationSec: 100, action: "destroy", reasons: [] },
      { ...of, name: "2", guid: "12", creationSec: 200, action: "keep", reasons: ["held"] },
      { ...of, name: "3", guid: "13", creationSec: 300, action: "keep", reasons: ["not_replicated", "last_n 1"] },
    ]);
  });

  test("without a cursor nothing counts as replicated", () => {
    const actions = prune({ snapshots: three }).map((line) => JSON.parse(line).action);
    expect(actions).toEqual(["keep", "keep", "keep"]);
  });

  test("the receiver's rules; the list may be in any order", () => {
    const rows = three.split("\n").filter(Boolean).reverse().join("\n");
    const objects = prune({ snapshots: rows, side: "receiver" }).map((line) => JSON.parse(line));
    expect(objects.map(({ name, action }) => `${name} ${action}`)).toEqual(["1 destroy", "2 keep", "3 keep"]);
  });

  test("the documented example of a grid (§5.3)", () => {
    const names = [..."abcdefghijklmnopqrstuvwxyzABCD"];
    // 3 in the first hour, then 6, 7, 10, and 4 beyond
    const ages = [
      0,
      20,
      40,
      60,
      80,
      100,
      120,
      140,
      160,
      ...[180, 197, 214, 231, 248, 265, 282],
      ...Array.from({ length: 10 }, (_, i) => 300 + i * 18),
      480,
      500,
      520,
      540,
    ];
    const rows = names.map((name, i) => [`t@${name}`, i + 1, 100 - i, 1_000_000 - (ages[i] ?? 0) * 60, 0]);
    const objects = prune({ job: snap, side: undefined, snapshots: list(rows) }).map((line) => JSON.parse(line));
    const kept = objects.filter(({ action }) => action === "keep").map(({ name }) => name);
    expect(kept.reverse().join("")).toBe("abcipz");
    const text = prune({ job: snap, side: undefined, snapshots: list(rows), json: false, nowSec: 1_000_000 }).join(
      "\n",
    );
    expect(text).toContain(
      "0–1h   keep=all KKK\n    1h–3h  keep=1   xxxxxK\n    3h–5h  keep=1   xxxxxxK\n    5h–8h  keep=1   xxxxxxxxxK\n    older  keep=0   xxxx",
    );
  });

  test("mistakes are usage errors", () => {
    expect(() => prune({ side: undefined })).toThrow("give --side sender or --side receiver");
    expect(() => prune({ snapshots: "tank/a\t1\t2\t3\n" })).toThrow(UsageError);
    expect(() => prune({ snapshots: `${three}tank/a@x\tzz\t1\t1\t0\n` })).toThrow("line 4 is not a snapshot");
  });
});

describe("test plan", () => {
  const STEP = { event: "plannedStep", job: push.name, resumed: false };
  const filesystem = (name: string) => [name, "filesystem", 1, 1, 1];
  const version = (name: string, guid: number) => [
    name,
    name.includes("#") ? "bookmark" : "snapshot",
    guid,
    guid,
    guid,
  ];
  const plan = (sender: string, receiver: string, more: Partial<Parameters<typeof tryPlan>[0]> = {}) =>
    tryPlan({ job: push, config, sender, receiver, receiverRoot: undefined, json: true, ...more }).map((line) =>
      JSON.parse(line),
    );
  const sender = list([
    filesystem("tank/a"),
    version("tank/a@1", 1),
    version("tank/a@2", 2),
    version("tank/a@3", 3),
    filesystem("tank/b"),
    version("tank/b#1", 1),
    version("tank/b@2", 2),
    filesystem("tank/c"),
    version("tank/c@1", 1),
    filesystem("tank/no"),
    version("tank/no@1", 1),
  ]);

  test.each`
    where                                 | root               | receiverRoot
    ${"where the config says"}            | ${"back/sink/me/"} | ${undefined}
    ${"by the same names"}                | ${""}              | ${undefined}
    ${"below a root that the names tell"} | ${"other/host/"}   | ${undefined}
    ${"below a root that is given"}       | ${"x/y/"}          | ${"x/y"}
  `("one event per step and conflict, the receiver's copies $where", ({ root, receiverRoot }) => {
    const receiver = list([
      filesystem(`${root}tank/a`),
      version(`${root}tank/a@1`, 1),
      filesystem(`${root}tank/b`),
      version(`${root}tank/b@1`, 1),
      filesystem(`${root}tank/c`),
      version(`${root}tank/c@1`, 1),
      version(`${root}tank/c@mine`, 99),
    ]);
    const incremental = { ...STEP, kind: "incremental" };
    expect(plan(sender, receiver, { receiverRoot })).toEqual([
      { ...incremental, filesystem: "tank/a", from: "@1", to: "@2", step: 1, steps: 2 },
      { ...incremental, filesystem: "tank/a", from: "@2", to: "@3", step: 2, steps: 2 },
      { ...incremental, filesystem: "tank/b", from: "#1", to: "@2", step: 1, steps: 1 },
      {
        ...{ event: "plannedConflict", job: push.name, filesystem: "tank/c", explanation: [] },
        conflict: "diverged: the receiver has 1 snapshot(s) after the last common one (@1)",
      },
    ]);
  });

  test.each`
    recv                                                               | places
    ${'{root_mapping: {"tank/a<": back/sink/me/here, "tank/b": "!"}}'} | ${{ "tank/a": "back/sink/me/here" }}
    ${"{strip_prefix: 1}"}                                             | ${{ "tank/a": "back/sink/me/a", "tank/b": "back/sink/me/b" }}
  `("the sink's $recv counts", async ({ recv, places }) => {
    const mapped = await load(`${CONFIG}    recv: ${recv}\n`);
    const copies = Object.entries<string>(places).flatMap(([original, name]) => [
      filesystem(name),
      version(`${name}@${original === "tank/a" ? "2" : "1"}`, original === "tank/a" ? 2 : 1),
    ]);
    const planned = plan(sender, list(copies), { config: mapped });
    const incremental = planned.filter(({ kind }) => kind === "incremental").map((step) => step.filesystem);
    expect(incremental).toEqual(Object.keys(places));
    expect(planned.some((step) => step.filesystem === "tank/b")).toBe("tank/b" in places);
  });

  test("an empty receiver gets full sends", () => {
    expect(plan(sender, "")).toEqual([
      { ...STEP, kind: "full", filesystem: "tank/a", to: "@3", step: 1, steps: 1 },
      { ...STEP, kind: "full", filesystem: "tank/b", to: "@2", step: 1, steps: 1 },
      { ...STEP, kind: "full", filesystem: "tank/c", to: "@1", step: 1, steps: 1 },
    ]);
  });

  test("as text", () => {
    const lines = tryPlan({ job: push, config, sender, receiver: "", receiverRoot: undefined, json: false });
    expect(lines).toContain("tank/a: 1 step");
  });

  test("mistakes are usage errors", () => {
    expect(() => plan("tank/a\tfilesystem\n", "")).toThrow(UsageError);
    expect(() => plan("tank/a@1\tsnapshot\t-\t-\t-\n", "")).toThrow("line 1 is no dataset");
  });
});

describe("test filesystems", () => {
  test.each`
    filesystem             | value        | accepted | rule
    ${"tank"}              | ${"yes"}     | ${true}  | ${'filesystems: "tank<": true, filesystems_by_property: com.example:backup=yes'}
    ${"tank/a"}            | ${"no"}      | ${false} | ${"filesystems_by_property: com.example:backup=no"}
    ${"tank/a"}            | ${undefined} | ${false} | ${"filesystems_by_property: com.example:backup is not set"}
    ${"tank/tmp/x"}        | ${"yes"}     | ${false} | ${'filesystems: "tank/tmp<": false'}
    ${"tank/tmp/keep"}     | ${"daily"}   | ${true}  | ${'filesystems: "tank/tmp/keep": true, filesystems_by_property: com.example:backup=daily'}
    ${"tank/docker/layer"} | ${"yes"}     | ${false} | ${"filesystems_exclude: /docker/"}
    ${"tankstation"}       | ${"yes"}     | ${false} | ${"no pattern matches"}
  `("$filesystem with $value: $accepted by $rule", ({ filesystem, value, accepted, rule }) => {
    expect(judgeFilesystem(snap.filesystems, filesystem, value)).toEqual({ accepted, rule });
    if (!rule.startsWith("filesystems_by_property")) expect(snap.filesystems.match(filesystem)).toBe(accepted);
  });
});
