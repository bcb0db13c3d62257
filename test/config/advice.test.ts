import { describe, expect, test } from "vitest";
import { adviseOn } from "../../src/config/advice/advice.ts";
import { checkConfig } from "../../src/config/check.ts";
import { filesOf, load } from "./files.ts";

const PUSH = {
  ...{ type: "push", name: "p", filesystems: { "tank/home<": true } },
  connect: { type: "local", listener_name: "l", client_identity: "c" },
  snapshotting: { type: "periodic", prefix: "auto_", interval: "10m" },
  pruning: {
    keep_sender: [{ type: "not_replicated" }, { type: "last_n", count: 9 }],
    keep_receiver: [{ type: "last_n", count: 99 }],
  },
};
const SINK = {
  ...{ type: "sink", name: "k", root_fs: "vault/in", serve: { type: "local", listener_name: "l" } },
  recv: { placeholder: { encryption: "inherit" } },
};
const SNAP = {
  ...{ type: "snap", name: "s", filesystems: { "tank/db<": true } },
  ...{ snapshotting: PUSH.snapshotting, pruning: { keep: [{ type: "last_n", count: 9 }] } },
};
const SSH = { type: "ssh+stdinserver", host: "h", user: "root", port: 22, identity_file: "/k" };
const everything = { type: "regex", regex: ".*" };

async function advice(jobs: readonly unknown[], datasets?: readonly string[]) {
  const found = adviseOn(await load(JSON.stringify({ jobs })), datasets);
  return found.map(({ job, key, text }) => `${job} ${key.join(".")}: ${text}`);
}

describe("configcheck has nothing to say about", () => {
  test.each([
    ["a push job with its sink", [PUSH, SINK]],
    ["a snap job beside it", [PUSH, SINK, SNAP]],
    [
      "one push job for each of two hosts, where a snap job prunes",
      [
        { ...SNAP, filesystems: PUSH.filesystems },
        ...["a", "b"].map((host) => ({
          ...{ ...PUSH, name: host, connect: { ...SSH, host }, snapshotting: { type: "manual" } },
          pruning: { ...PUSH.pruning, keep_sender: [everything] },
        })),
      ],
    ],
    [
      "replicas that are passed on",
      [SINK, { ...PUSH, filesystems: { "vault/in<": true }, connect: SSH, snapshotting: { type: "manual" } }],
    ],
    [
      "two sinks with one root for different clients",
      ["a", "b"].map((client) => ({
        ...SINK,
        name: client,
        serve: { type: "stdinserver", client_identities: [client] },
      })),
    ],
  ])("%s", async (_, jobs) => {
    expect(await advice(jobs)).toEqual([]);
  });
});

describe("configcheck warns of", () => {
  const ownRegex = { keep: [{ type: "grid", grid: "24x1h", regex: "^zrepl_" }] };
  test.each([
    [
      "rules that keep nothing of the job's own",
      [{ ...SNAP, pruning: ownRegex }],
      /^s pruning.keep: no rule is for the job's own snapshots \(auto_…\).*; add a rule/,
    ],
    [
      "a sender that forgets what is unsent",
      [{ ...PUSH, pruning: { ...PUSH.pruning, keep_sender: [{ type: "last_n", count: 2 }] } }, SINK],
      /^p pruning.keep_sender: .*that it does not have yet; add {type: not_replicated}/,
    ],
    [
      "a sender that forgets what another job has to send",
      [PUSH, SINK, { ...PUSH, name: "q", connect: SSH, pruning: { ...PUSH.pruning, keep_sender: [everything] } }],
      /^p pruning.keep_sender: these rules don't know what push job q still has to send/,
    ],
    [
      "not_replicated on the receiver",
      [
        {
          ...PUSH,
          pruning: { ...PUSH.pruning, keep_receiver: [{ type: "last_n", count: 1 }, { type: "not_replicated" }] },
        },
        SINK,
      ],
      /^p pruning.keep_receiver.1: .*leave it out/,
    ],
    [
      "placeholders that nobody may create",
      [PUSH, { ...SINK, recv: {} }],
      /^k recv.placeholder.encryption: recv.placeholder.encryption is unspecified: the first replication fails/,
    ],
    ["send.saved", [{ ...PUSH, send: { saved: true } }, SINK], /^p send.saved: zfs send -S/],
    [
      "properties that undo encryption",
      [{ ...PUSH, send: { send_properties: true } }, SINK],
      /^p send.send_properties: .*inherit: \[encryption\] in sink job k/,
    ],
    [
      "replicas in the filter of their own job",
      [{ ...PUSH, filesystems: { "<": true } }, SINK],
      /^p filesystems: the filter includes vault\/in.*again, and again; exclude it: "vault\/in<": false/,
    ],
    [
      "snapshots of replicas",
      [PUSH, SINK, { ...SNAP, filesystems: { "vault<": true } }],
      /^s filesystems: .*make the next receive fail/,
    ],
    [
      "snapshots of some replicas",
      [PUSH, SINK, { ...SNAP, filesystems: { "vault/in/c/tank": true } }],
      /^s filesystems: .*make the next receive fail/,
    ],
    [
      "roots in one another",
      [
        PUSH,
        SINK,
        {
          type: "pull",
          name: "l",
          root_fs: "vault/in/x",
          interval: "1h",
          connect: SSH,
          recv: SINK.recv,
          pruning: PUSH.pruning,
        },
      ],
      /^l root_fs: vault\/in\/x and vault\/in, the root of sink job k, overlap/,
    ],
  ] as const)("%s", async (_, jobs, expected) => {
    expect(await advice(jobs)).toEqual([expect.stringMatching(expected)]);
  });

  test("two push jobs into one place, and of what that means for pruning", async () => {
    expect(await advice([PUSH, SINK, { ...PUSH, name: "q", filesystems: { "tank<": true } }])).toEqual([
      expect.stringMatching(/^p pruning.keep_sender: these rules/),
      expect.stringMatching(/^q pruning.keep_sender: these rules/),
      expect.stringMatching(/^q filesystems: tank\/home goes to the same place as by push job p/),
    ]);
  });

  test("names that this host does not have", async () => {
    const filesystems = { "tank/home<": true, "tank/hoem/tmp": false };
    const jobs = [{ ...PUSH, filesystems, filesystems_exclude: ["/cache$", "docker"] }, SINK];
    expect(await advice(jobs, ["tank", "tank/home", "tank/home/cache"])).toEqual([
      expect.stringMatching(/^p filesystems.tank\/hoem\/tmp: no filesystem of this host/),
      expect.stringMatching(/^p filesystems_exclude.1: \/docker\/ matches no filesystem/),
      expect.stringMatching(/^k root_fs: there is no filesystem vault\/in.*; zfs create/),
    ]);
  });

  test("intervals of a config of the daemon's, for which nothing waits", async () => {
    const { pruning, snapshotting } = PUSH;
    const pull = { ...{ type: "pull", name: "i", connect: SSH, root_fs: "vault/in" }, recv: SINK.recv, pruning };
    const text = JSON.stringify({
      jobs: [
        PUSH,
        SINK,
        { ...pull, interval: "1h" },
        { ...SNAP, snapshotting: { ...snapshotting, type: "cron", cron: "0 * * * *", interval: undefined } },
      ],
    });
    const found = async (file: string) => {
      const config = await load(text, { file, files: filesOf({ [file]: text }) });
      return adviseOn(config, undefined)
        .filter(({ text: advised }) => advised.startsWith("no process waits"))
        .map(({ job, key }) => `${job} ${key.join(".")}`);
    };
    expect(await found("/etc/zrepl/zrepl.yml")).toEqual([
      "p snapshotting.interval",
      "i interval",
      "s snapshotting.cron",
    ]);
    expect(await found("/etc/zrepl-run/zrepl-run.yml")).toEqual([]);
  });

  test("them at their places in the file", async () => {
    const text = `jobs:\n- ${JSON.stringify(PUSH)}\n- type: sink\n  name: k\n  root_fs: vault/in\n  serve: {type: local, listener_name: l}\n  recv: {placeholder: {encryption: unspecified}}\n`;
    let stderr = "";
    await checkConfig({
      ...{ load: { file: "/c.yml", env: {}, files: filesOf({ "/c.yml": text }) }, what: "all", format: "pretty" },
      ...{ stdout: { write: () => {} }, stderr: { write: (line) => (stderr += line) } },
      datasets: async () => undefined,
    });
    expect(stderr).toMatch(
      /^warning: \/c\.yml:7:36: jobs\[1\]\.recv\.placeholder\.encryption: recv.placeholder.encryption is unspecified: [^\n]*\n$/,
    );
  });
});
