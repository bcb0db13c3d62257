import { type ChildProcess, spawn } from "node:child_process";

/** No operation takes this long, unless it waits for something that will not come. */
const TIMEOUT_MS = 60_000;

/** One long-lived shell: starting processes from it is much cheaper than from Node, above all in a guest. */
export class Shell {
  readonly #child: ChildProcess;
  #finished: (() => void) | undefined;

  constructor(dir: string) {
    this.#child = spawn("bash", [], {
      cwd: dir,
      env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#child.stdout?.on("data", () => this.#finished?.());
  }

  /** Runs a script to its end; its output must go elsewhere. */
  async run(script: string): Promise<void> {
    let finish = (): void => {};
    let fail = (_: Error): void => {};
    const promise = new Promise<void>((resolve, reject) => {
      finish = resolve;
      fail = reject;
    });
    const timer = setTimeout(() => fail(new Error(`still running: ${script}`)), TIMEOUT_MS);
    this.#finished = finish;
    this.#child.stdin?.write(`{ ${script}\n} </dev/null; echo\n`);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#child.kill("SIGKILL");
  }
}
