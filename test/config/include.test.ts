import { describe, expect, test } from "vitest";
import { filesOf, load, problemsOf, snapJob } from "./files.ts";

const one = (name: string) => `jobs:${snapJob({ name })}`;

async function namesOf(texts: Record<string, string>): Promise<string[]> {
  const config = await load("", { file: "/etc/z/c.yml", cwd: "/somewhere/else", files: filesOf(texts) });
  return config.jobs.map(({ name }) => name);
}

function problems(texts: Record<string, string>): Promise<readonly string[]> {
  return problemsOf(load("", { file: "/etc/z/c.yml", files: filesOf(texts) }));
}

describe("include", () => {
  test("adds the jobs of a file after those of the main file", async () => {
    const main = `include: [b.yml, /abs/a.yml]\n${one("main")}`;
    expect(await namesOf({ "/etc/z/c.yml": main, "/etc/z/b.yml": one("b"), "/abs/a.yml": one("a") })).toEqual([
      "main",
      "b",
      "a",
    ]);
  });

  test("takes the .yml files of a directory in the order of their bytes", async () => {
    const files = {
      "/etc/z/c.yml": "include: [d]",
      "/etc/z/d/b.yml": one("b"),
      "/etc/z/d/B.yml": one("B"),
      "/etc/z/d/a.yml": one("a"),
      "/etc/z/d/x.yaml": "{",
      "/etc/z/d/sub/y.yml": "{",
    };
    expect(await namesOf(files)).toEqual(["B", "a", "b"]);
  });

  test("ignores the global settings of an included file", async () => {
    const files = filesOf({ "/etc/z/c.yml": "include: [b.yml]", "/etc/z/b.yml": "global: {lock_dir: /no}" });
    expect((await load("", { file: "/etc/z/c.yml", files })).global.lockDir).toBe("/run/zrepl-run");
  });

  test("refuses what is missing or no .yml file, each at its entry", async () => {
    expect(await problems({ "/etc/z/c.yml": "include:\n- gone.yml\n- x.conf\n", "/etc/z/x.conf": "" })).toEqual([
      "/etc/z/c.yml:2:3: include[0]: not a file or directory: /etc/z/gone.yml",
      "/etc/z/c.yml:3:3: include[1]: include config files must end with `.yml`: /etc/z/x.conf",
    ]);
  });

  test("refuses to nest, but not an empty list", async () => {
    const main = "include: [b.yml, e.yml]";
    expect(
      await problems({ "/etc/z/c.yml": main, "/etc/z/b.yml": "include: [x.yml]", "/etc/z/e.yml": "include: []" }),
    ).toEqual(["/etc/z/b.yml:1:10: include: included configuration files must not include other files"]);
  });

  test("reports the problems of all files, with their own positions", async () => {
    const files = {
      "/etc/z/c.yml": "include: [b.yml, y.yml]\njbos: []",
      "/etc/z/b.yml": "\n\njobs: 3",
      "/etc/z/y.yml": "a: [",
    };
    const found = await problems(files);
    expect(found.slice(0, 2)).toEqual([
      '/etc/z/c.yml:2:1: jbos: unknown key; did you mean "jobs"?',
      '/etc/z/b.yml:3:7: jobs: is "3"; must be a list: the jobs',
    ]);
    expect(found[2]).toMatch(/^\/etc\/z\/y\.yml:1:\d+: document: not valid YAML: /);
    expect(found).toHaveLength(3);
  });

  test("refuses a name that another file has", async () => {
    expect(await problems({ "/etc/z/c.yml": `include: [b.yml]\n${one("same")}`, "/etc/z/b.yml": one("same") })).toEqual(
      ['/etc/z/b.yml:3:11: jobs[0].name: duplicate job name "same"; the other is at /etc/z/c.yml:4:11'],
    );
  });

  test("a push job finds its sink in an included file", async () => {
    const push = `jobs:
  - type: push
    name: p
    connect: {type: local, listener_name: l, client_identity: me}
    filesystems: {"<": true}
    snapshotting: {type: manual}
    pruning: {keep_sender: [{type: not_replicated}], keep_receiver: [{type: not_replicated}]}
`;
    const sink = "jobs: [{type: sink, name: s, root_fs: r, serve: {type: local, listener_name: l}}]";
    expect(await namesOf({ "/etc/z/c.yml": `include: [s.yml]\n${push}`, "/etc/z/s.yml": sink })).toEqual(["p", "s"]);
    expect(await problems({ "/etc/z/c.yml": push })).toEqual([
      '/etc/z/c.yml:4:43: jobs[0].connect.listener_name: push job "p" needs a sink job with serve type local and listener_name "l"; there is no sink job that serves local',
    ]);
  });
});
