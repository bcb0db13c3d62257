import { EXIT_SIGPIPE } from "../exit-codes.ts";
import type { ZfsSimulator } from "../simulator.ts";
import { streamBytes } from "../stream.ts";
import { listArgv, parseRows, type Row } from "./listing.ts";
import { fillTokens, type Operation, type Outcome } from "./operation.ts";

/** Runs the same operations on the simulator. */
export class SimulatedZfs {
  readonly sim: ZfsSimulator;
  readonly #pools: readonly string[];

  constructor(sim: ZfsSimulator, pools: readonly string[]) {
    this.sim = sim;
    this.#pools = pools;
  }

  rows(): Row[] {
    return parseRows(this.sim.exec(listArgv(this.#pools)).stdout);
  }

  #token(fs: string): string | undefined {
    return this.rows().find((row) => row.name === fs)?.receive_resume_token;
  }

  run(operation: Operation): Outcome {
    const fill = (argv: readonly string[]): string[] => fillTokens(argv, (fs) => this.#token(fs));
    if (operation.do === "write") {
      this.sim.write(operation.fs, operation.bytes, operation.id);
      return { exitCodes: [0], stdout: "", stderr: [""] };
    }
    if (operation.do === "exec") {
      const { exitCode, stdout, stderr } = this.sim.exec(fill(operation.argv));
      return { exitCodes: [exitCode], stdout, stderr: [stderr] };
    }
    const [send, recv] = [fill(operation.send), fill(operation.recv)];
    const result = this.sim.pipe(send, recv, this.#cut(send, operation.cut));
    return {
      exitCodes: [result.send.exitCode, result.recv.exitCode],
      stdout: result.recv.stdout,
      stderr: [result.send.stderr, result.recv.stderr],
    };
  }

  #cut(send: readonly string[], cut: (Operation & { do: "pipe" })["cut"]): { cutAfterBytes?: number } {
    if (cut === null) return {};
    if ("bytes" in cut) return { cutAfterBytes: cut.bytes };
    const { stream } = this.sim.send(send);
    return { cutAfterBytes: stream === null ? 0 : Math.floor(streamBytes(stream) * cut.share) };
  }
}

/** Whether a sender noticed that nobody reads depends on timing: SIGPIPE and success count as the same. */
export const sameExit = (real: number, simulated: number): boolean =>
  (real === EXIT_SIGPIPE ? 0 : real) === (simulated === EXIT_SIGPIPE ? 0 : simulated);
