/** What every benchmark gets: how much to do, and whom to compare with. */
import type { Row } from "./compare.ts";
import type { Peer } from "./peers.ts";

export interface Context {
  readonly rounds: number;
  /** Small sizes: to try it, not to believe it. */
  readonly quick: boolean;
  /** More are left out. */
  readonly maxFilesystems: number;
  readonly bulkMib: number;
  /** Whom to compare with on so many filesystems: others start several processes for each of them. */
  readonly peersFor: (filesystems: number) => readonly Peer[];
}

export interface Benchmark {
  readonly name: string;
  run(context: Context): Promise<readonly Row[]>;
}
