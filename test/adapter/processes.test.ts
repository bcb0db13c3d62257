import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { finished } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ProgramMissingError } from "../../src/zfs/errors.ts";
import { createRunner, type Runner } from "../../src/zfs/runner.ts";
import { TokenBucket } from "../../src/zfs/throttle.ts";

const MIB = 1 << 20;
let abort: AbortController;
let runner: Runner;
let dir: string;

beforeEach(() => {
  abort = new AbortController();
  runner = createRunner({ signal: abort.signal, env: process.env });
  dir = mkdtempSync(join(tmpdir(), "zrepl-run-"));
});

afterEach(() => {
  abort.abort(new Error("the test is over"));
  rmSync(dir, { recursive: true });
});

const sh = (script: string) => ["sh", "-c", script, "sh", dir] as const;
const command = (script: string) => ({ kind: "command", argv: sh(script) }) as const;
const file = (name: string) => readFileSync(join(dir, name), "utf8");

/** Whether a process that wrote its id into a file of the folder runs. */
function runs(name: string): boolean {
  const pid = Number(file(name));
  try {
    return !/^\S+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

describe("a command", () => {
  test("gives its stdout, stderr and exit code; a failing one is a result", async () => {
    expect(await runner.run(sh("echo out; echo err >&2; exit 3"))).toEqual({
      exitCode: 3,
      stdout: "out\n",
      stderr: "err\n",
    });
    expect(await runner.run(sh("kill -TERM $$"))).toMatchObject({ signal: "SIGTERM" });
  });

  test("speaks English whatever the user's language, and keeps the rest of the environment", async () => {
    const env = { ...process.env, LC_ALL: "de_DE.UTF-8", LANG: "fr_FR", LANGUAGE: "fr", MINE: "1" };
    const { stdout } = await createRunner({ signal: abort.signal, env }).run(sh('echo "$LC_ALL $LANG $MINE"'));
    expect(stdout).toBe("C C 1\n");
  });

  test("has an empty stdin, or the given text", async () => {
    expect((await runner.run(["cat"])).stdout).toBe("");
    expect((await runner.run(["cat"], { input: "text" })).stdout).toBe("text");
  });

  test("gives stdout in pieces where that is asked for", async () => {
    let size = 0;
    const result = await runner.run(sh("head -c 3000000 /dev/zero"), {
      onStdout: (chunk) => {
        size += chunk.length;
      },
    });
    expect([size, result.stdout]).toEqual([3_000_000, ""]);
  });

  test("that does not exist is told from one that fails", async () => {
    await expect(runner.run(["zrepl-run-no-such-program", "x"])).rejects.toThrow(ProgramMissingError);
    const missing = { kind: "command", argv: ["zrepl-run-no-such-program"] } as const;
    await expect(runner.transfer(missing, command("cat"))).rejects.toThrow(ProgramMissingError);
    await expect(runner.transfer(command("echo"), missing)).rejects.toThrow(ProgramMissingError);
  });

  test("no shell sees its arguments", async () => {
    expect((await runner.run(["printf", "%s|", "$(id)", "a b", "*", ""])).stdout).toBe("$(id)|a b|*||");
  });

  test("ends, with its children, when the signal aborts; later ones are refused with the same reason", async () => {
    const run = runner.run(sh('sleep 60 & echo $! >"$1/child"; echo $$ >"$1/self"; wait'));
    const ended = expect(run).rejects.toThrow("enough");
    await expect.poll(() => existsSync(join(dir, "self"))).toBe(true);
    abort.abort(new Error("enough"));
    await ended;
    await expect.poll(() => runs("self") || runs("child")).toBe(false);
    await expect(runner.run(["true"])).rejects.toThrow("enough");
    await expect(runner.transfer(command("echo"), command("cat"))).rejects.toThrow("enough");
  });
});

describe("a transfer", () => {
  test("brings every byte from the source to the sink, and tells how both ended", async () => {
    const source = command('head -c 20000000 /dev/urandom | tee "$1/sent"; echo done >&2');
    const result = await runner.transfer(source, command('cat >"$1/got"; echo got >&2'));
    expect(result).toEqual({
      source: { exitCode: 0, stdout: "", stderr: "done\n" },
      sink: { exitCode: 0, stdout: "", stderr: "got\n" },
    });
    expect(readFileSync(join(dir, "got")).equals(readFileSync(join(dir, "sent")))).toBe(true);
  });

  test.skipIf(process.platform !== "linux")("does not pass its bytes through this process", async () => {
    // by thread: what ended children have read is added to the process's own count
    const threads = () => readdirSync("/proc/self/task").map((id) => readFileSync(`/proc/self/task/${id}/io`, "utf8"));
    const bytesRead = () => threads().reduce((sum, io) => sum + Number(/rchar: (\d+)/.exec(io)?.[1]), 0);
    const before = bytesRead();
    await runner.transfer(command(`head -c ${200 * MIB} /dev/zero`), command('wc -c >"$1/count"'));
    expect(Number(file("count"))).toBe(200 * MIB);
    expect(bytesRead() - before).toBeLessThan(5 * MIB);
  });

  test("tells every line of the source's stderr while it runs", async () => {
    const lines: string[] = [];
    const source = command('printf "size\\t5" >&2; printf "\\nha" >&2; sleep 0.2; printf "lf\\nlast" >&2');
    const { source: result } = await runner.transfer(source, command("cat >/dev/null"), {
      onSourceLine: (line) => lines.push(line),
    });
    expect(lines).toEqual(["size\t5", "half"]);
    expect(result?.stderr).toBe("size\t5\nhalf\nlast");
  });

  test("keeps the end of a long stderr, where the reason stands", async () => {
    const source = command(
      'i=0; while [ $i -lt 5000 ]; do echo "progress line $i" >&2; i=$((i+1)); done; echo reason >&2; exit 1',
    );
    const { source: result } = await runner.transfer(source, command("cat >/dev/null"));
    expect(result?.stderr.length).toBeLessThan(33 * 1024);
    expect(result?.stderr).toMatch(/progress line 4999\nreason\n$/);
  });

  test("tells when the source is done, while the sink is still at work", async () => {
    const order: string[] = [];
    const done = runner.transfer(command("echo x"), command("cat >/dev/null; sleep 0.5"), {
      onSourceEnd: () => order.push("source"),
    });
    await done.then(() => order.push("transfer"));
    expect(order).toEqual(["source", "transfer"]);
  });

  const limits = { direct: [], throttled: [new TokenBucket({ maxBytesPerSec: 1 << 30, bucketBytes: 1 << 20 })] };

  describe.each(Object.entries(limits))("%s", (_, limits) => {
    test("ends with both results when the sink dies in the middle", async () => {
      const endless = command('cat /dev/zero 2>"$1/err"; code=$?; echo said >&2; exit $code');
      const { source, sink } = await runner.transfer(
        endless,
        command("head -c 100000 >/dev/null; echo no >&2; exit 7"),
        {
          limits,
        },
      );
      expect(sink).toMatchObject({ exitCode: 7, stderr: "no\n" });
      expect(source?.exitCode).not.toBe(0);
    });

    test("ends with both results when the source dies in the middle, and the sink sees the end", async () => {
      const { source, sink } = await runner.transfer(
        command("head -c 100000 /dev/zero; kill -9 $$"),
        command('wc -c >"$1/count"'),
        { limits },
      );
      expect(source).toMatchObject({ signal: "SIGKILL" });
      expect(sink).toMatchObject({ exitCode: 0 });
      expect(Number(file("count"))).toBe(100_000);
    });

    test.each(["all", "this one"])("ends both sides with all their children when %s is aborted", async (which) => {
      const one = new AbortController();
      const endless = 'echo $$ >"$1/source"; cat /dev/zero & echo $! >"$1/source child"; wait';
      const transfer = runner.transfer(command(endless), command('echo $$ >"$1/sink"; cat >/dev/null'), {
        ...{ limits, signal: one.signal },
      });
      const ended = expect(transfer).rejects.toThrow("stop it");
      await expect.poll(() => readdirSync(dir)).toHaveLength(3);
      (which === "all" ? abort : one).abort(new Error("stop it"));
      await ended;
      await expect.poll(() => ["source", "source child", "sink"].some(runs)).toBe(false);
    });
  });

  test("leaves other transfers alone when one is aborted", async () => {
    const one = new AbortController();
    const stopped = expect(
      runner.transfer(command("cat /dev/zero"), command("cat >/dev/null"), { signal: one.signal }),
    ).rejects.toThrow("only one");
    const other = runner.transfer(command("sleep 0.5; echo x"), command('cat >"$1/other"'));
    one.abort(new Error("only one"));
    await stopped;
    await other;
    expect(file("other")).toBe("x\n");
  });

  test("waits for a sink that is slow to end after SIGTERM", async () => {
    const sink = `trap 'sleep 0.5; echo saved >"$1/state"; exit 1' TERM; echo $$ >"$1/sink"; while :; do sleep 0.05; done`;
    const transfer = runner.transfer(command("cat /dev/zero"), command(sink));
    const ended = expect(transfer).rejects.toThrow("now");
    await expect.poll(() => existsSync(join(dir, "sink"))).toBe(true);
    await sleep(50);
    abort.abort(new Error("now"));
    await ended;
    expect(file("state")).toBe("saved\n");
  });
});

describe("a bandwidth limit", () => {
  test("holds within a few percent, after the bucket's content", async () => {
    const bucket = new TokenBucket({ maxBytesPerSec: 8 * MIB, bucketBytes: MIB });
    const startMs = performance.now();
    await runner.transfer(command(`head -c ${9 * MIB} /dev/zero`), command('wc -c >"$1/count"'), { limits: [bucket] });
    const seconds = (performance.now() - startMs) / 1000;
    expect(Number(file("count"))).toBe(9 * MIB);
    expect(seconds).toBeGreaterThan(0.95);
    expect(seconds).toBeLessThan(3);
  });

  test("is shared by all streams of a side", async () => {
    const bucket = new TokenBucket({ maxBytesPerSec: 8 * MIB, bucketBytes: 64 * 1024 });
    const startMs = performance.now();
    const one = () =>
      runner.transfer(command(`head -c ${4 * MIB} /dev/zero`), command("cat >/dev/null"), { limits: [bucket] });
    await Promise.all([one(), one()]);
    expect((performance.now() - startMs) / 1000).toBeGreaterThan(0.9);
  });

  test("of two sides the lower one counts", async () => {
    const [low, high] = [MIB, 100 * MIB].map(
      (rate) => new TokenBucket({ maxBytesPerSec: rate, bucketBytes: 64 * 1024 }),
    );
    if (low === undefined || high === undefined) throw new Error("two");
    const startMs = performance.now();
    await runner.transfer(command(`head -c ${MIB} /dev/zero`), command("cat >/dev/null"), { limits: [high, low] });
    expect((performance.now() - startMs) / 1000).toBeGreaterThan(0.85);
  });

  test.each(["of a command", "of a file descriptor"])("changes nothing in the stream %s", async (kind) => {
    writeFileSync(join(dir, "data"), randomBytes(24 * MIB + 1));
    const sum = command('{ sleep 0.2; sha256sum; } >"$1/sum"'); // late, so that the source has to wait
    const bucket = new TokenBucket({ maxBytesPerSec: 100 * MIB, bucketBytes: MIB });
    const pieces = "head -c 1; sleep 0.1; head -c 70000; sleep 0.05; cat";
    await runner.run(sh('mkfifo "$1/pipe"'));
    if (kind === "of a command") await runner.transfer(command(`{ ${pieces}; } <"$1/data"`), sum, { limits: [bucket] });
    else {
      const writer = runner.run(sh(`exec 3>"$1/pipe"; { ${pieces}; } <"$1/data" >&3`));
      const source = {
        kind: "handle",
        stream: openSync(join(dir, "pipe"), "r"),
        done: Promise.resolve(),
        abort() {},
      } as const;
      await Promise.all([writer, runner.transfer(source, sum, { limits: [bucket] })]);
    }
    const { stdout } = await runner.run(sh('sha256sum <"$1/data"'));
    expect(file("sum")).toBe(stdout);
  });

  test("changes nothing in a stream for a sink that gathers it", async () => {
    writeFileSync(join(dir, "data"), randomBytes(3 * MIB));
    const pieces: Buffer[] = [];
    const stream = new Writable({
      write(piece: Buffer, _encoding, done) {
        pieces.push(piece);
        done();
      },
    });
    const sink = { kind: "handle", stream, viaNode: true, done: finished(stream), abort() {} } as const;
    const limits = [new TokenBucket({ maxBytesPerSec: 100 * MIB, bucketBytes: MIB })];
    await runner.transfer(command('cat "$1/data"'), sink, { limits });
    expect(Buffer.concat(pieces).equals(readFileSync(join(dir, "data")))).toBe(true);
  });

  test("does not save up more than the bucket holds", async () => {
    const bucket = new TokenBucket({ maxBytesPerSec: 10_000, bucketBytes: 1000 });
    await sleep(500);
    const startMs = performance.now();
    await bucket.take(3000);
    const ms = performance.now() - startMs;
    expect(ms).toBeGreaterThan(180);
    expect(ms).toBeLessThan(2000);
  });
});
