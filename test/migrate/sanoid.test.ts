import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { UsageError } from "../../src/errors.ts";
import { migrateSanoid } from "../../src/migrate/sanoid/config.ts";
import { load } from "../config/files.ts";

const read = (name: string) => readFileSync(new URL(`sanoid/${name}.conf`, import.meta.url), "utf8");

async function migrate(conf: string, ...commands: readonly string[]): Promise<{ text: string; config: Config }> {
  const text = migrateSanoid(conf, "/etc/sanoid/sanoid.conf", commands);
  return { text, config: await load(text) };
}

const snapJobs = ({ jobs }: Config) => jobs.flatMap((job) => (job.type === "snap" ? [job] : []));

/** What each snap job is: filter, schedule, rules. */
const gist = (config: Config) =>
  Object.fromEntries(
    snapJobs(config).map(({ name, filesystems, snapshotting, pruning }) => [
      name,
      {
        filesystems: [...filesystems.rules].map(([pattern, included]) => `${included ? "" : "!"}${pattern}`),
        snapshots: snapshotting.type === "cron" ? snapshotting.cron : snapshotting.type,
        keep: pruning.keep.map(({ text }) => text),
      },
    ]),
  );

describe("sanoid.conf", () => {
  test.each(["server", "laptop", "odd"])("%s becomes a config that configcheck takes", async (name) => {
    const { text, config } = await migrate(read(name));
    expect(text).toMatchSnapshot();
    expect(gist(config)).toMatchSnapshot();
  });

  test("without sections there are no jobs", async () => {
    expect((await migrate("# nothing\n")).config.jobs).toEqual([]);
  });

  test("sanoid's defaults count", async () => {
    const { config } = await migrate("[tank]\n");
    expect(gist(config)).toEqual({
      tank: {
        filesystems: ["tank"],
        snapshots: "0 * * * *",
        keep: ["calendar hourly 48 daily 90 monthly 6 Local /^autosnap_/", "regex not /^autosnap_/"],
      },
    });
    const [calendar] = snapJobs(config)[0]?.pruning.keep ?? [];
    expect(calendar).toMatchObject({
      counts: { hourly: 48, daily: 90, weekly: 0, monthly: 6, yearly: 0 },
      location: "Local",
    });
  });

  test("later templates and the section's own settings win", async () => {
    const conf = `
      [tank]
      use_template = a, b
      daily = 3
      [template_default]
      monthly = 1
      [template_a]
      hourly = 1
      daily = 1
      [template_b]
      hourly = 2`;
    const { config } = await migrate(conf);
    expect(snapJobs(config)[0]?.pruning.keep[0]).toMatchObject({ counts: { hourly: 2, daily: 3, monthly: 1 } });
  });

  test.each([
    ["hourly", { hourly: 5 }, "0 * * * *"],
    ["quarter-hourly", { frequently: 4, hourly: 5 }, "*/15 * * * *"],
    ["daily", { hourly: 0 }, "59 23 * * *"],
    ["weekly on a Sunday", { hourly: 0, daily: 0, weekly: 4, weekly_wday: 7 }, "30 23 * * 0"],
    ["monthly", { hourly: 0, daily: 0 }, "0 0 1 * *"],
    ["yearly", { hourly: 0, daily: 0, monthly: 0, yearly: 1 }, "0 0 1 1 *"],
    ["none", { hourly: 0, daily: 0, monthly: 0 }, "manual"],
  ])("the finest snapshots are taken: %s", async (_name, settings, cron) => {
    const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}`);
    const { config } = await migrate(["[tank]", ...lines].join("\n"));
    expect(gist(config)["tank"]?.snapshots).toBe(cron);
  });

  test("each filesystem has the job that sanoid's section would have", async () => {
    const conf = `
      [tank]
      recursive = yes
      [tank/vm]
      recursive = yes
      daily = 5
      [tank/vm/db]
      use_template = other
      [tank/scratch]
      use_template = ignore
      recursive = yes
      [tank/home]
      process_children_only = yes
      recursive = yes
      daily = 7
      [template_other]
      daily = 9
      [template_ignore]
      autosnap = no
      autoprune = no`;
    const { config } = await migrate(conf);
    const owners = (fs: string) =>
      snapJobs(config)
        .filter(({ filesystems }) => filesystems.match(fs))
        .map(({ name }) => name);
    const wanted: Record<string, string[]> = {
      tank: ["tank"],
      "tank/x/y": ["tank"],
      "tank/vm": ["tank_vm"],
      "tank/vm/x": ["tank_vm"],
      "tank/vm/db": ["other"],
      "tank/vm/db/x": ["tank_vm"],
      "tank/scratch": [],
      "tank/scratch/x": [],
      "tank/home": [],
      "tank/home/me": ["tank_home"],
      pool: [],
    };
    expect(Object.fromEntries(Object.keys(wanted).map((fs) => [fs, owners(fs)]))).toEqual(wanted);
  });

  test.each([
    ["a line that is nothing", "[tank]\nhourly\n", /conf:2: neither \[section\] nor key = value: "hourly"/],
    ["a setting above all sections", "hourly = 1\n", /conf:1: there is no section above it/],
    ["a section twice", "[a]\n[a]\n", /conf:2: the section is there twice/],
    ["a template that is missing", "[a]\nuse_template = x\n", /conf:1: \[a\] uses template_x/],
    ["a number that is none", "[a]\nhourly = many\n", /hourly = "many", which is not a number/],
  ])("%s is told of with its line", async (_name, conf, message) => {
    expect(() => migrateSanoid(conf, "/etc/sanoid.conf", [])).toThrow(message);
    expect(() => migrateSanoid(conf, "/etc/sanoid.conf", [])).toThrow(UsageError);
  });
});

describe("syncoid commands", () => {
  test("to another host become a push job", async () => {
    const command =
      "/usr/sbin/syncoid -r --no-sync-snap --skip-parent --sshport=2222 --sshkey /root/k --sendoptions='Lce w' --source-bwlimit=10M --compress=lz4 --exclude=docker tank/data backup@host:pool/data";
    const { text, config } = await migrate("[tank/data]\nrecursive = yes\n", command);
    expect(text).toMatchSnapshot();
    expect(config.jobs.map(({ type, name }) => `${type} ${name}`)).toEqual([
      "snap tank_data",
      "push tank_data_to_host",
    ]);
    expect(config.jobs[1]).toMatchObject({
      connect: { type: "ssh+stdinserver", host: "host", user: "backup", port: 2222, identityFile: "/root/k" },
      send: { encrypted: true, largeBlocks: true, compressed: true, embeddedData: true },
    });
    const [, push] = config.jobs;
    if (push?.type !== "push") throw new Error("no push job");
    const matched = ["tank/data", "tank/data/x", "tank/data/docker"].filter((fs) => push.filesystems.match(fs));
    expect(matched).toEqual(["tank/data/x"]);
  });

  test("inside this host become a push and a sink job", async () => {
    const { text, config } = await migrate("", 'syncoid "tank/my data" backup/data');
    expect(text).toMatchSnapshot();
    expect(config.jobs.map(({ type }) => type)).toEqual(["push", "sink"]);
  });

  test("from another host become a pull job", async () => {
    const { text, config } = await migrate("", "syncoid --target-bwlimit 1G root@h:tank/data backup/data");
    expect(text).toMatchSnapshot();
    expect(config.jobs.map(({ type }) => type)).toEqual(["pull"]);
  });

  test("between two other hosts become a comment", async () => {
    const { text, config } = await migrate("", "syncoid a:tank b:tank");
    expect(config.jobs).toEqual([]);
    expect(text).toContain("neither is this host");
  });

  test.each(["syncoid tank", "syncoid -r", "syncoid a b c"])("%s is refused", async (command) => {
    expect(() => migrateSanoid("", "f", [command])).toThrow(UsageError);
  });

  test("of one name get different jobs", async () => {
    const { config } = await migrate("", "syncoid tank/a h:b/a", "syncoid tank/a h:c/a");
    expect(config.jobs.map(({ name }) => name)).toEqual(["tank_a_to_h", "tank_a_to_h_2"]);
  });
});
