import { readFileSync } from "node:fs";
import { join } from "node:path";
import { listArgv, parseRows, type Row } from "./listing.ts";
import { fillTokens, type Operation, type Outcome } from "./operation.ts";
import { Shell } from "./shell.ts";

const quote = (argv: readonly string[]): string => argv.map((arg) => `'${arg.replaceAll("'", "'\\''")}'`).join(" ");

/** Runs operations on real OpenZFS, and lists everything after each. */
export class RealZfs {
  readonly #dir: string;
  readonly #pools: readonly string[];
  readonly #mountpointOf: (fs: string) => string;
  readonly #shell: Shell;
  rows: Row[] = [];

  constructor(dir: string, pools: readonly string[], mountpointOf: (fs: string) => string) {
    this.#dir = dir;
    this.#shell = new Shell(dir);
    this.#pools = pools;
    this.#mountpointOf = mountpointOf;
  }

  token(fs: string): string | undefined {
    return this.rows.find((row) => row.name === fs)?.receive_resume_token;
  }

  async run(operation: Operation): Promise<Outcome> {
    const list = `${quote(listArgv(this.#pools))} >list 2>&1`;
    await this.#shell.run(
      `: >o1 >o2 >e1 >e2 >rc; ${this.#script(operation)}\nzpool sync ${quote(this.#pools)}\n${list}`,
    );
    this.rows = parseRows(this.#read("list"));
    return {
      exitCodes: this.#read("rc").trim().split(" ").map(Number),
      stdout: this.#read("o1") + this.#read("o2"),
      stderr: operation.do === "pipe" ? [this.#read("e1"), this.#read("e2")] : [this.#read("e1")],
    };
  }

  /** Ends the shell. */
  close(): void {
    this.#shell.close();
  }

  #read(name: string): string {
    return readFileSync(join(this.#dir, name), "utf8");
  }

  #script(operation: Operation): string {
    const fill = (argv: readonly string[]): string => quote(fillTokens(argv, (fs) => this.token(fs)));
    if (operation.do === "exec") return `${fill(operation.argv)} </dev/null >o1 2>e1; echo $? >rc`;
    if (operation.do === "write") {
      const path = join(this.#mountpointOf(operation.fs), operation.id);
      return `head -c ${operation.bytes} /dev/urandom > '${path}' 2>e1; echo $? >rc`;
    }
    const { cut } = operation;
    const [send, recv] = [fill(operation.send), fill(operation.recv)];
    if (cut === null) return `${send} 2>e1 | ${recv} >o2 2>e2; echo "\${PIPESTATUS[*]}" >rc`;
    const size =
      "bytes" in cut
        ? `n=${cut.bytes}`
        : `n=$(${send} 2>/dev/null | wc -c); n=$((n * ${Math.round(cut.share * 100)} / 100))`;
    return `${size}; ${send} 2>e1 | head -c $n | ${recv} >o2 2>e2; set -- "\${PIPESTATUS[@]}"; echo "$1 $3" >rc`;
  }
}
