/** From a job to where its replicas are, and to who sends them back. */
import type { PullJob, PushJob } from "../config/config.ts";
import type { Sender } from "./endpoint.ts";
import { localPeer, type OpenOptions, remoteOptions } from "./open.ts";
import { nameBy, Placement } from "./placement.ts";
import { ReplicaSender } from "./replica-sender.ts";

export interface Replicas {
  readonly sender: Sender;
  /** The receiver's own name of a filesystem, for messages. */
  readonly nameOf: (filesystem: string) => string;
  /** Where they are, if on this host. */
  readonly root: string | undefined;
  /** Whose name the cursor on the original carries; undefined = the original is on another host. */
  readonly originalsJob: string | undefined;
  close(): Promise<void>;
}

/** @throws {ZreplRunError} when the other side can't be reached, or refuses */
export async function openReplicas(job: PushJob | PullJob, options: OpenOptions): Promise<Replicas> {
  const { config, runner, warn } = options;
  const local = (name: string, placement: Placement, originalsJob: string | undefined): Replicas => ({
    sender: new ReplicaSender({ runner, job: name, placement, warn }),
    nameOf: nameBy(placement),
    root: placement.root,
    originalsJob,
    close: async () => undefined,
  });
  const { connect, name } = job;
  if (job.type === "pull") {
    const originalsJob = connect.type === "local" ? localPeer(job, config, "source").name : undefined;
    return local(name, new Placement(job.rootFs, job.recv), originalsJob);
  }
  if (connect.type === "local") {
    const sink = localPeer(job, config, "sink");
    return local(sink.name, new Placement(`${sink.rootFs}/${connect.clientIdentity}`, sink.recv), name);
  }
  const { connectReplicas } = await import("../remote/connect.ts");
  const { endpoint: sender, nameOf, close } = await connectReplicas(connect, remoteOptions(job, options));
  return { sender, nameOf, root: undefined, originalsJob: name, close };
}
