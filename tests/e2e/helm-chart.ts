import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { helmProgram } from '../../infra/helm/helm-program.mjs';

export const CHART = fileURLToPath(new URL('../../infra/helm/millrace/', import.meta.url));

/** Files with values, which the chart must take: `sentinel-values.yaml`. */
export const VALUE_SETS = readdirSync(path.join(CHART, 'ci')).sort();

export const fileOf = (valueSet: string) => path.join(CHART, 'ci', valueSet);

interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string };
  readonly tcpSocket?: { readonly port: string };
}

interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: unknown;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly Variable[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly securityContext: unknown;
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly lifecycle?: { readonly preStop: { readonly sleep: { readonly seconds: number } } };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly subPath?: string }[];
}

interface PodSpec {
  readonly automountServiceAccountToken: boolean;
  readonly securityContext: unknown;
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly [Container];
  readonly volumes: readonly { readonly name: string }[];
  readonly topologySpreadConstraints?: readonly unknown[];
}

/** An object of Kubernetes, as far as the tests look into it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec: {
    readonly replicas?: number;
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: PodSpec;
    };
    readonly [field: string]: unknown;
  };
}

const run = promisify(execFile);

/** What `helm` prints.
 *  @throws Error it ends with another code than 0; its message has what it printed */
export async function helm(...args: readonly string[]): Promise<string> {
  const { stdout } = await run(helmProgram(), args, { maxBuffer: 32 * 1024 * 1024 });
  return stdout;
}

/** The chart's manifests.
 *  @param args of `helm template`: `-f`, a file, `--set`, …
 *  @throws Error the values are refused; its message says why */
export async function renderChart(...args: readonly string[]): Promise<Manifest[]> {
  const documents = parseAllDocuments(await helm('template', 'chat', CHART, '--namespace', 'talks', ...args));
  return documents.flatMap((document) => document.toJS() ?? []);
}

/** Those of them that run pods. */
export const workloads = (manifests: readonly Manifest[]) =>
  manifests.filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet');

/** The only container of a component: `api`. */
export function containerOf(manifests: readonly Manifest[], component: string): Container {
  return podOf(manifests, component).containers[0];
}

export function podOf(manifests: readonly Manifest[], component: string): PodSpec {
  const found = workloads(manifests).find(({ spec }) => componentOf(spec.template.metadata.labels) === component);
  if (found === undefined) throw new Error(`no pods of ${component}`);
  return found.spec.template.spec;
}

export const componentOf = (labels: Readonly<Record<string, string>>) => labels['app.kubernetes.io/component'];
