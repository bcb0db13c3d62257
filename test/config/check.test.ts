import { generateKeyPairSync } from "node:crypto";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import yargs, { type Argv } from "yargs";
import type { GlobalOptions } from "../../src/cli-options.ts";
import { addConfigcheck } from "../../src/commands/configcheck.ts";
import { type CheckFormat, type CheckPart, checkConfig } from "../../src/config/check.ts";
import { describeDuration } from "../../src/config/describe.ts";
import type { LoadOptions } from "../../src/config/load.ts";
import { filesOf, load, problemsOf, pushJob, snapJob } from "./files.ts";

const allJobTypes = fileURLToPath(new URL("valid/all-job-types.yml", import.meta.url));

async function check(options: LoadOptions, what: CheckPart = "all", format: CheckFormat = "pretty") {
  let [stdout, stderr] = ["", ""];
  await checkConfig({
    load: options,
    what,
    format,
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
  });
  return { stdout, stderr };
}

const text = `jobs:${pushJob("", "to h")}${snapJob({ snapshotting: "{type: periodic, prefix: z_, interval: 90m}" })}`;
const options = { file: "/c.yml", env: {}, files: filesOf({ "/c.yml": text }) };

describe("configcheck", () => {
  test("says in a line what each job does", async () => {
    expect(await check(options)).toEqual({
      stdout:
        "to h  push    snapshots taken elsewhere of tank<; sends to h:1 over tcp; keeps not_replicated on the sender and last_n 3 on the receiver\n" +
        "s     snap    snapshots z_* every 90m of tank<; keeps last_n 1\n",
      stderr: "",
    });
  });

  test("describes every type of job, and warns on stderr", async () => {
    const { stdout, stderr } = await check({ file: allJobTypes, env: {} });
    expect(stdout.split("\n").map((line) => line.slice(19, 80).trimEnd())).toMatchSnapshot();
    expect(stderr).toContain("global.monitoring[0]: ");
    expect(stderr).toContain("recv.placeholder.encryption is unspecified: ");
  });

  test("--what config only says that it is fine", async () => {
    expect((await check(options, "config")).stdout).toBe("/c.yml: 2 jobs, no problems\n");
  });

  test("--what logging shows the outlets", async () => {
    expect((await check(options, "logging")).stdout).toBe("stderr: info and above, human\n");
  });

  test.each(["json", "yaml"] as const)("--format %s is a config that means the same", async (format) => {
    const dumped = (await check({ file: allJobTypes, env: {} }, "all", format)).stdout;
    const again = await check({ file: "/c.yml", env: {}, files: filesOf({ "/c.yml": dumped }) }, "all", format);
    expect(again.stdout).toBe(dumped);
    const value = format === "json" ? JSON.parse(dumped) : parse(dumped);
    expect(value.jobs).toHaveLength(9);
    expect(value.jobs[1].replication.concurrency).toEqual({ steps: 16, size_estimates: 4 });
  });

  test("--what limits what --format shows", async () => {
    expect(JSON.parse((await check(options, "jobs", "json")).stdout).map((job: { name: string }) => job.name)).toEqual([
      "to h",
      "s",
    ]);
    expect(JSON.parse((await check(options, "logging", "json")).stdout)[0]).toMatchObject({
      type: "stdout",
      time: true,
    });
  });

  test("the command passes its arguments on", async () => {
    const written: string[] = [];
    const original = process.stdout.write;
    process.stdout.write = ((chunk: string) => written.push(chunk)) as unknown as typeof process.stdout.write;
    try {
      const cli = yargs().option("config", { type: "string" }).option("json", { type: "boolean" }).exitProcess(false);
      const arguments_ = ["configcheck", "--config", allJobTypes, "--what", "config", "--skip-cert-check"];
      await addConfigcheck(cli as unknown as Argv<GlobalOptions>).parseAsync(arguments_);
    } finally {
      process.stdout.write = original;
    }
    expect(written).toEqual([`${allJobTypes}: 9 jobs, no problems\n`]);
  });
});

describe("the certificate check", () => {
  const tls = `jobs:
  - type: sink
    name: s
    root_fs: r
    serve: {type: tls, listen: ":1", ca: /ca, cert: /cert, key: /key, client_cns: [a]}
`;
  const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" });

  test("reports files that are missing or not what they should be", async () => {
    const files = filesOf({ "/c.yml": tls, "/ca": "hello", "/key": String(key) });
    expect(await problemsOf(load("", { files, certificatesAtMs: 0 }))).toEqual([
      "/c.yml:5:42: jobs[0].serve.ca: /ca is not a certificate in PEM form",
      "/c.yml:5:53: jobs[0].serve.cert: cannot read /cert: ENOENT",
    ]);
  });

  test("is left out unless asked for", async () => {
    expect(await problemsOf(load(tls))).toEqual([]);
  });
});

test.each([
  [1, "1s"],
  [90, "90s"],
  [5400, "90m"],
  [3600, "1h"],
  [172_800, "2d"],
  [604_800, "1w"],
])("%i seconds are written %s", (seconds, written) => {
  expect(describeDuration(seconds)).toBe(written);
});
