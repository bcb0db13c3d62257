/** What a command costs before it does anything, against Node itself. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compare } from "./compare.ts";
import type { Benchmark } from "./context.ts";
import { PROGRAM } from "./world.ts";

/** 30 lines, as somebody would write them. */
const CONFIG = `global:
  logging:
    - type: stdout
      level: warn
      format: human
jobs:
  - name: home
    type: push
    connect:
      type: ssh+stdinserver
      host: backup.example.com
      user: root
      port: 22
      identity_file: /etc/zrepl/ssh/identity
    filesystems:
      "tank/home<": true
      "tank/home/scratch<": false
    snapshotting:
      type: periodic
      interval: 15m
      prefix: zrepl_
    pruning:
      keep_sender:
        - type: not_replicated
        - type: last_n
          count: 24
      keep_receiver:
        - type: grid
          grid: 1x1h(keep=all) | 24x1h | 30x1d | 12x30d
          regex: "^zrepl_.*"
`;

export const startUp: Benchmark = {
  name: "start-up",
  run: async ({ rounds }) => {
    const config = join(mkdtempSync(join(tmpdir(), "bench-")), "config.yml");
    writeFileSync(config, CONFIG);
    const program = [process.execPath, PROGRAM];
    const contenders = [
      { name: "node -e 0", argv: [process.execPath, "-e", "0"], env: PLAIN },
      { name: "version", argv: [...program, "version"], env: PLAIN },
      { name: "configcheck", argv: [...program, "-c", config, "configcheck"], env: PLAIN },
      // without zfs there is nothing to compare the filters with
      {
        name: "configcheck without zfs",
        argv: [...program, "-c", config, "configcheck"],
        env: { ...PLAIN, PATH: "/" },
      },
    ];
    const work = "start-up (CPU time), against bare Node";
    return [await compare({ work, size: "a config of 30 lines", by: "cpu", contenders, rounds: rounds * 4 })];
  },
};

/** No hook for Node's own figures: it would be a part of what is measured. */
const PLAIN = { NODE_OPTIONS: "" };
