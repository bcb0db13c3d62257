import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { cmdSend } from "../sim/cmd-send.ts";
import { EXIT_SIGPIPE } from "../sim/exit-codes.ts";
import { splitName } from "../sim/names.ts";
import { compoundHeaderBytes, RECORD_BYTES, type SendStream, substreamBytes } from "../sim/stream.ts";
import type { StateFile } from "./state-file.ts";
import { encodeHeader } from "./wire.ts";

const CHUNK_BYTES = 65_536;
const PROGRESS_MS = 1_000;
const SLICES_PER_SEC = 20;

/** Sizes of the parts of a stream, with the snapshot that is being sent in each. */
function parts(stream: SendStream): { readonly bytes: number; readonly snapshot: string }[] {
  return stream.substreams.map((substream) => ({ bytes: substreamBytes(substream), snapshot: substream.toname }));
}

function clock(): string {
  const now = new Date();
  return [now.getHours(), now.getMinutes(), now.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}

/** Prints `HH:MM:SS\tbytes\tsnapshot` once a second, as `zfs send -vP` does. */
class Progress {
  readonly #timer: NodeJS.Timeout;
  sent = 0;
  snapshot = "";

  constructor(parsable: boolean) {
    this.#timer = setInterval(() => {
      const line = parsable ? `${this.sent}\t${this.snapshot}` : `${this.sent}   ${splitName(this.snapshot).fs}`;
      process.stderr.write(`${clock()}\t${line}\n`);
    }, PROGRESS_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

async function write(chunk: Buffer): Promise<void> {
  if (!process.stdout.write(chunk)) await once(process.stdout, "drain");
}

async function writePadding(bytes: number, bytesPerSec: number, onSent: (bytes: number) => void): Promise<void> {
  const slice = Number.isFinite(bytesPerSec) ? Math.max(1, Math.floor(bytesPerSec / SLICES_PER_SEC)) : CHUNK_BYTES;
  for (let left = bytes; left > 0; ) {
    const size = Math.min(left, slice, CHUNK_BYTES);
    await write(Buffer.alloc(size));
    left -= size;
    onSent(size);
    if (Number.isFinite(bytesPerSec)) await sleep((size / bytesPerSec) * 1_000);
  }
}

async function writeStream(stream: SendStream, progress: Progress | null): Promise<void> {
  const rate = Number(process.env["ZREPL_RUN_SIM_BYTES_PER_SEC"] ?? Number.POSITIVE_INFINITY);
  await write(encodeHeader(stream));
  if (stream.compound !== null) await writePadding(compoundHeaderBytes(stream), rate, () => {});
  for (const { bytes, snapshot } of parts(stream)) {
    if (progress) Object.assign(progress, { sent: 0, snapshot });
    await writePadding(bytes, rate, (sent) => {
      if (progress) progress.sent += sent;
    });
  }
  if (stream.compound !== null) await writePadding(RECORD_BYTES, rate, () => {});
}

/** `zfs send …` as a process; resolves to its exit code. */
export async function runSend(state: StateFile, args: readonly string[]): Promise<number> {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? EXIT_SIGPIPE : 1); // Node cannot die of SIGPIPE
  });
  const outcome = state.update((world) => cmdSend(world, args));
  process.stderr.write(outcome.stderr);
  await write(Buffer.from(outcome.stdout));
  if (outcome.stream === null) return outcome.exitCode;
  const isVerbose = args.some((arg) => /^-[a-zA-Z]*v/.test(arg));
  const progress = isVerbose ? new Progress(args.some((arg) => /^-[a-zA-Z]*P/.test(arg))) : null;
  try {
    await writeStream(outcome.stream, progress);
  } finally {
    progress?.stop();
  }
  return outcome.exitCode;
}
