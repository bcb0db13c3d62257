import type { Job } from "../config.ts";
import type { Advice } from "./advice.ts";
import { isLocalPair } from "./jobs.ts";

/** Options of send and receive that fail, or write in clear. */
export function adviseOnTransfer(job: Job, jobs: readonly Job[]): Advice[] {
  return [...unspecifiedPlaceholders(job), ...savedState(job), ...propertiesIntoEncryption(job, jobs)];
}

function unspecifiedPlaceholders(job: Job): Advice[] {
  if ((job.type !== "sink" && job.type !== "pull") || job.recv.placeholderEncryption !== "unspecified") return [];
  const text =
    "recv.placeholder.encryption is unspecified: the first replication fails where it has to create a filesystem that only holds others; set it to inherit (from root_fs) or off";
  return [{ job: job.name, key: ["recv", "placeholder", "encryption"], text }];
}

function savedState(job: Job): Advice[] {
  if (!("send" in job) || !job.send.saved) return [];
  const text =
    "zfs send -S sends what an interrupted receive has left on this host, and fails where there is nothing; leave it out: interrupted transfers are resumed without it";
  return [{ job: job.name, key: ["send", "saved"], text }];
}

/** The stream names the encryption of the sender's filesystem, which goes before that of `root_fs`. */
function propertiesIntoEncryption(job: Job, jobs: readonly Job[]): Advice[] {
  if (!("send" in job) || !job.send.sendProperties || job.send.raw || job.send.encrypted) return [];
  return jobs.flatMap((receiver) => {
    if (!("recv" in receiver) || !isLocalPair(job, receiver)) return [];
    const { inheritProperties, overrideProperties } = receiver.recv;
    if (inheritProperties.includes("encryption") || "encryption" in overrideProperties) return [];
    const text = `the stream says how the sender encrypts, so that below an encrypted root_fs the replicas may be written in clear; set recv.properties.inherit: [encryption] in ${receiver.type} job ${receiver.name}`;
    return [{ job: job.name, key: ["send", "send_properties"], text }];
  });
}
