import { describe, expect, test } from "vitest";
import type { Config, Job } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { filesOf, load, problemsOf, pushJob, snapJob } from "./files.ts";

const names = ({ jobs }: Config) => jobs.map(({ name }) => name);

function jobOf<Type extends Job["type"]>(config: Config, type: Type): Extract<Job, { type: Type }> {
  const job = config.jobs.find((candidate) => candidate.type === type);
  if (job === undefined) throw new Error(`no ${type} job`);
  return job as Extract<Job, { type: Type }>;
}

describe("where the config is looked for", () => {
  const files = filesOf({
    "/etc/zrepl/zrepl.yml": `jobs:${snapJob({ name: "zrepl" })}`,
    "/usr/local/etc/zrepl/zrepl.yml": `jobs:${snapJob({ name: "local" })}`,
    "/home/me/mine.yml": `jobs:${snapJob({ name: "mine" })}`,
    "/home/me/env.yml": `jobs:${snapJob({ name: "env" })}`,
  });
  const env = { ZREPL_RUN_CONFIG: "/home/me/env.yml" };
  test.each([
    ["-c wins over everything", { file: "/home/me/mine.yml", env }, "mine"],
    ["a relative -c starts at the working directory", { file: "mine.yml", env, cwd: "/home/me" }, "mine"],
    ["the environment wins over the default places", { env }, "env"],
    ["an empty variable counts as unset", { env: { ZREPL_RUN_CONFIG: "" } }, "zrepl"],
    ["the first default place that exists wins", { env: {} }, "zrepl"],
  ])("%s", async (_name, options, job) => {
    expect(names(await loadConfig({ files, ...options }))).toEqual([job]);
  });

  test("our own default place comes first", async () => {
    const ours = filesOf({ "/etc/zrepl-run/zrepl-run.yml": "jobs: []", "/etc/zrepl/zrepl.yml": "jobs: [" });
    expect((await loadConfig({ files: ours, env: {} })).file).toBe("/etc/zrepl-run/zrepl-run.yml");
  });

  test("without any, the problem says where was looked", async () => {
    expect(await problemsOf(loadConfig({ files: filesOf({}), env: {} }))).toEqual([
      "no config file; looked for /etc/zrepl-run/zrepl-run.yml, /etc/zrepl/zrepl.yml, /usr/local/etc/zrepl/zrepl.yml",
    ]);
  });

  test("a default place that is no regular file is a problem, not skipped", async () => {
    const directory = filesOf({ "/etc/zrepl/zrepl.yml/x": "", "/usr/local/etc/zrepl/zrepl.yml": "" });
    const problems = await problemsOf(loadConfig({ files: directory, env: {} }));
    expect(problems).toEqual(["/etc/zrepl/zrepl.yml: is not a regular file"]);
  });

  test("a named file that does not exist is a problem with exit code 2", async () => {
    const loading = loadConfig({ file: "/nowhere.yml", env: {}, files: filesOf({}) });
    await expect(loading).rejects.toMatchObject({
      exitCode: 2,
      problems: ["/nowhere.yml: cannot read config: no such file"],
    });
  });
});

describe("empty documents are configs without jobs", () => {
  test.each(["", "\n", "---", "---\n", "# only a comment\n", "{}", "~"])("%j", async (text) => {
    expect(await load(text)).toMatchObject({
      file: "/c.yml",
      jobs: [],
      warnings: [],
      global: { lockDir: "/run/zrepl-run" },
    });
  });

  test.each(["jobs:", "global:", "include:", "jobs: []", "global: {}", "global: {logging: , serve: {stdinserver: }}"])(
    "an empty value counts as absent: %s",
    async (text) => {
      expect((await load(text)).jobs).toEqual([]);
    },
  );
});

describe("the lock directory", () => {
  const alice = { uid: 1000, env: { HOME: "/home/alice" } };
  test.each([
    ["is /run/zrepl-run for root", "", { uid: 0 }, "/run/zrepl-run"],
    [
      "is in $XDG_RUNTIME_DIR for others",
      "",
      { ...alice, env: { XDG_RUNTIME_DIR: "/run/user/1" } },
      "/run/user/1/zrepl-run",
    ],
    ["is in ~/.cache without it", "", alice, "/home/alice/.cache/zrepl-run"],
    ["is what the config says", "global: {lock_dir: /locks}", alice, "/locks"],
  ])("%s", async (_name, text, options, lockDir) => {
    expect((await load(text, options)).global.lockDir).toBe(lockDir);
  });
});

describe("texts keep their source, booleans have YAML 1.1's spellings", () => {
  const sink = (recv: string) =>
    `jobs:\n  - type: sink\n    name: t\n    serve: {type: stdinserver, client_identities: [c]}\n    root_fs: a\n    recv: ${recv}`;

  test.each(["off", "yes", "true", "123", "1e3", "0x10", "'~'", "2001-01-01", "0o17", ".5", "<<"])(
    "%s stays a text where a text is expected",
    async (text) => {
      const { recv } = jobOf(await load(sink(`{properties: {override: {"a:b": ${text}}}}`)), "sink");
      expect(recv.overrideProperties).toEqual({ "a:b": text.replaceAll("'", "") });
    },
  );

  test.each(["~", "null", "Null", "NULL", ""])("%j without quotes is the empty text", async (text) => {
    const { recv } = jobOf(await load(sink(`{properties: {override: {"a:b": ${text}}}}`)), "sink");
    expect(recv.overrideProperties).toEqual({ "a:b": "" });
  });

  test("placeholder encryption off is the text off", async () => {
    expect(jobOf(await load(sink("{placeholder: {encryption: off}}")), "sink").recv.placeholderEncryption).toBe("off");
  });

  test.each([
    "",
    "{properties: }",
    "{properties: {inherit: }}",
    "{properties: {override: }}",
    "{placeholder: , bandwidth_limit: }",
  ])("recv: %s has all defaults", async (recv) => {
    expect(jobOf(await load(sink(recv)), "sink").recv).toEqual({
      inheritProperties: [],
      overrideProperties: {},
      placeholderEncryption: "unspecified",
    });
  });

  const yes = ["true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y"];
  const no = ["false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N"];
  test.each([...yes.map((text) => [text, true] as const), ...no.map((text) => [text, false] as const)])(
    "%s is %s where a boolean is expected",
    async (text, value) => {
      const config = await load(`jobs:${pushJob(`send: {encrypted: ${text}}`)}`);
      expect(jobOf(config, "push").send.encrypted).toBe(value);
    },
  );

  test.each(['"true"', "'yes'", "tRue", "1", "0", "maybe", "!!str true"])("%s is not a boolean", async (text) => {
    expect(await problemsOf(load(`jobs:${pushJob(`send: {encrypted: ${text}}`)}`))).toHaveLength(1);
  });

  test.each([
    ["16", 16],
    ["0x10", 16],
    ["0b11", 3],
    ["017", 15],
    ["0o17", 15],
    ["1_000", 1000],
    ["+7", 7],
    ["08", 8],
    ["2.0", 2],
    ["1.9", 1],
    ["1e+2", 100],
    ["!!int '3'", 3],
  ])("%s is the integer %i", async (text, count) => {
    const config = await load(`jobs:${snapJob({ keep: `{type: last_n, count: ${text}}` })}`);
    expect(jobOf(config, "snap").pruning.keep).toEqual([{ type: "last_n", count, text: `last_n ${count}` }]);
  });
});

describe("anchors, aliases and merges", () => {
  test("an alias is its anchor's value, checked where it is used", async () => {
    const text = `jobs:${snapJob({ name: "&n a", keep: "&k {type: last_n, count: 7}" })}${snapJob({ name: "b", keep: "*k" })}`;
    const config = await load(text);
    expect(config.jobs[1]).toMatchObject({ name: "b", pruning: { keep: [{ count: 7 }] } });
  });

  test("a key after a merge wins over the merged one, like in a list of merges the earlier map", async () => {
    const text = `jobs:
  - &base
    type: snap
    name: base
    filesystems: {"<": true}
    snapshotting: {type: manual}
    pruning: {keep: [{type: last_n, count: 1}]}
  - <<: *base
    name: second
    pruning: {keep: [{type: last_n, count: 2}]}
  - <<: [{name: third}, *base]
`;
    const { jobs } = await load(text);
    expect(jobs.map((job) => [job.name, job.type === "snap" && job.pruning.keep[0]])).toMatchObject([
      ["base", { count: 1 }],
      ["second", { count: 2 }],
      ["third", { count: 1 }],
    ]);
  });

  test("a merge of something that is not a map is a problem", async () => {
    const problems = await problemsOf(load("global:\n  <<: [a]\n"));
    expect(problems).toEqual(['/c.yml:2:3: global["<<"]: merges something that is not a map']);
  });

  test("aliases that multiply end in a problem, not in an endless loop", async () => {
    const levels = Array.from({ length: 12 }, (_, i) => `&l${i + 1} [${Array(8).fill(`*l${i}`).join(", ")}]`);
    const text = `include: [&l0 [a], ${levels.join(", ")}]\n`;
    expect((await problemsOf(load(text))).some((problem) => problem.includes("far too many aliases"))).toBe(true);
  });
});

describe("regexes", () => {
  test.each([
    ["search anywhere", "b", "abc", true],
    ["$ is the very end only", "a$", "a\n", false],
    [". is no newline", "a.b", "a\nb", false],
    ["inline flags work", "(?i)^A", "abc", true],
    ["\\Q quotes", "\\Qa.b\\E", "axb", false],
    ["POSIX classes work", "^[[:digit:]]+$", "123", true],
  ])("%s", async (_name, regex, name, matches) => {
    const config = await load(`jobs:${snapJob({ keep: `{type: regex, regex: '${regex}'}` })}`);
    const [rule] = jobOf(config, "snap").pruning.keep;
    expect(rule?.type === "regex" && rule.regex.test(name)).toBe(matches);
  });

  test("an absent, null or empty regex of last_n means all", async () => {
    for (const regex of ["", ", regex: ", ", regex: ~", ', regex: ""']) {
      const config = await load(`jobs:${snapJob({ keep: `{type: last_n, count: 2${regex}}` })}`);
      expect(jobOf(config, "snap").pruning.keep).toEqual([{ type: "last_n", count: 2, text: "last_n 2" }]);
    }
  });
});

describe("values", () => {
  test.each([
    ["unset is unlimited", "{}", undefined],
    ["12345 B", "{max: 12345 B}", { maxBytesPerSec: 12345, bucketBytes: 131072 }],
    ["54321 B with 1024 B", "{max: 54321 B, bucket_capacity: 1024 B}", { maxBytesPerSec: 54321, bucketBytes: 1024 }],
    ["negative is unlimited", "{max: -1 B}", undefined],
  ])("bandwidth limit: %s", async (_name, limit, expected) => {
    const config = await load(`jobs:${pushJob(`send: {bandwidth_limit: ${limit}}`)}`);
    expect(jobOf(config, "push").send.bandwidthLimit).toEqual(expected);
  });

  test("the defaults of replication and conflict resolution", async () => {
    const { replication, conflictResolution } = jobOf(await load(`jobs:${pushJob()}`), "push");
    expect(replication).toEqual({
      protection: { initial: "guarantee_resumability", incremental: "guarantee_resumability" },
      concurrency: { steps: 1, sizeEstimates: 4 },
      snapshots: { include: [], exclude: [] },
      bundle: false,
      retry: { attempts: 3, backoffSec: 1 },
      stallTimeoutSec: 300,
      bookkeeping: { maxSteps: 1000, maxDelaySec: 60 },
      onDeadToken: "clear",
    });
    expect(conflictResolution).toEqual({ initialReplication: "most_recent", diverged: "fail" });
  });

  test("the defaults of periodic snapshotting and its hooks", async () => {
    const snapshotting = "{type: periodic, prefix: zrepl_, interval: 1d, hooks: [{type: command, path: /x}]}";
    const job = jobOf(await load(`jobs:${snapJob({ snapshotting })}`), "snap");
    expect(job.snapshotting).toMatchObject({
      type: "periodic",
      intervalSec: 86400,
      timestampFormat: "dense",
      timestampLocation: "UTC",
      hooks: [{ type: "command", path: "/x", timeoutSec: 30, errIsFatal: false }],
    });
    const hook = job.snapshotting.type === "periodic" ? job.snapshotting.hooks[0] : undefined;
    expect(hook?.filesystems.match("any/filesystem")).toBe(true);
  });
});

describe("warnings name what only a daemon could do", () => {
  const pull = `
  - type: pull
    name: pull
    connect: {type: tcp, address: "h:1"}
    root_fs: a
    interval: 10m
    pruning: {keep_sender: [{type: not_replicated}], keep_receiver: [{type: last_n, count: 3}]}`;
  test.each([
    [
      "Prometheus",
      'global: {monitoring: [{type: prometheus, listen: ":1"}]}',
      "global.monitoring[0]: no process stays",
    ],
    ["the control socket", "global: {control: {sockpath: /x}}", "global.control: there is no daemon"],
    [
      "the stdinserver sockets",
      "global: {serve: {stdinserver: {sockdir: /x}}}",
      "global.serve: `zrepl-run stdinserver`",
    ],
    [
      "a pattern that never matches",
      `jobs:${snapJob({ filesystems: '{"/tank": true}' })}`,
      'filesystems["/tank"]: never',
    ],
  ])("%s", async (_name, text, warning) => {
    const { warnings } = await load(text);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/^\/c\.yml:\d+:\d+: /);
    expect(warnings[0]).toContain(warning);
  });

  test("what is not in the file is not warned of", async () => {
    expect((await load(`jobs:${pushJob()}${pull.replace("10m", "manual")}`)).warnings).toEqual([]);
  });
});
