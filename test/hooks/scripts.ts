import { chmodSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { HookContext } from "../../src/hooks/command-hook.ts";

/** A folder for hook programs; gone after the test file. */
export function scriptFolder(): (name: string, body: string) => string {
  const dir = mkdtempSync(join(realpathSync(tmpdir()), "zrepl-run-hooks-"));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  return (name, body) => {
    const path = join(dir, name);
    writeFileSync(path, `#!/bin/sh\n${body}\n`);
    chmodSync(path, 0o755);
    return path;
  };
}

/** A context around a snapshot of `pool/fs`. */
export function hookContext(more: Partial<HookContext> = {}): HookContext {
  return {
    env: { PATH: process.env["PATH"], INHERITED: "yes" },
    interrupted: new AbortController().signal,
    onLine: () => undefined,
    situation: (edge, timeoutSec) => ({
      type: `${edge}_snapshot`,
      dryRun: false,
      timeoutSec,
      job: "j",
      snapshot: { filesystem: "pool/fs", name: "snap" },
    }),
    ...more,
  };
}
