import type { KeyObject, X509Certificate } from "node:crypto";
import type { RawJob } from "../generated/raw-config.ts";
import type { PlacedJob } from "./cross-checks.ts";
import type { Files } from "./locate.ts";
import type { Site } from "./site.ts";

/** Reports the files of `tls` connections that can't be read, are no PEM, or do not belong together (`configcheck`). */
export async function checkCertificates(jobs: readonly PlacedJob[], files: Files, nowMs: number): Promise<void> {
  for (const { raw, site } of jobs) {
    if (!site.isSound()) continue;
    const job = raw as RawJob;
    const connect = job.type === "push" || job.type === "pull" ? job.connect : undefined;
    const serve = job.type === "sink" || job.type === "source" ? job.serve : undefined;
    if (connect?.type === "tls") await checkTriple(connect, site.at("connect"), files, nowMs);
    if (serve?.type === "tls") await checkTriple(serve, site.at("serve"), files, nowMs);
  }
}

interface Triple {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

async function checkTriple(paths: Triple, site: Site, files: Files, nowMs: number): Promise<void> {
  const { X509Certificate, createPrivateKey } = await import("node:crypto");
  const certificateOf = (pem: string) => new X509Certificate(pem);
  const ca = await parseFile(paths.ca, certificateOf, "certificate", site.at("ca"), files);
  const cert = await parseFile(paths.cert, certificateOf, "certificate", site.at("cert"), files);
  const keyOf = (pem: string): KeyObject => createPrivateKey(pem);
  const key = await parseFile(paths.key, keyOf, "private key", site.at("key"), files);
  if (cert && key && !cert.checkPrivateKey(key)) site.at("key").problem(`is not the key of ${paths.cert}`);
  if (ca) warnIfExpired(ca, site.at("ca"), nowMs);
  if (cert) warnIfExpired(cert, site.at("cert"), nowMs);
}

async function parseFile<T>(
  path: string,
  parse: (pem: string) => T,
  what: string,
  site: Site,
  files: Files,
): Promise<T | undefined> {
  let pem: string;
  try {
    pem = await files.read(path);
  } catch (error) {
    site.problem(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`);
    return undefined;
  }
  try {
    return parse(pem);
  } catch {
    site.problem(`${path} is not a ${what} in PEM form`);
    return undefined;
  }
}

function warnIfExpired(certificate: X509Certificate, site: Site, nowMs: number): void {
  if (Date.parse(certificate.validTo) < nowMs) site.warn(`this certificate expired on ${certificate.validTo}`);
}
