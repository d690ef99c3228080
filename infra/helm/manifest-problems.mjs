/** Checks manifests against the schemas of Kubernetes, of KEDA and of the Prometheus operator. */

const kubernetes = (/** @type {string} */ name) => `kubernetes-models/_schemas/IoK8sApi${name}.js`;

/** @type {Readonly<Record<string, string>>} `apiVersion kind` → the file that validates it; not every package exports it */
const SCHEMAS = {
  'v1 ConfigMap': kubernetes('CoreV1ConfigMap'),
  'v1 Service': kubernetes('CoreV1Service'),
  'v1 ServiceAccount': kubernetes('CoreV1ServiceAccount'),
  'apps/v1 Deployment': kubernetes('AppsV1Deployment'),
  'apps/v1 StatefulSet': kubernetes('AppsV1StatefulSet'),
  'networking.k8s.io/v1 Ingress': kubernetes('NetworkingV1Ingress'),
  'networking.k8s.io/v1 NetworkPolicy': kubernetes('NetworkingV1NetworkPolicy'),
  'policy/v1 PodDisruptionBudget': kubernetes('PolicyV1PodDisruptionBudget'),
  'keda.sh/v1alpha1 ScaledObject':
    '@kubernetes-models/keda/_schemas/ComGithubKedacoreKedaV2ApisKedaV1alpha1ScaledObject.js',
  'monitoring.coreos.com/v1 PrometheusRule':
    '@kubernetes-models/prometheus-operator/_schemas/ComGithubPrometheusOperatorPrometheusOperatorPkgApisMonitoringV1PrometheusRule.js',
  'monitoring.coreos.com/v1 ServiceMonitor':
    '@kubernetes-models/prometheus-operator/_schemas/ComGithubPrometheusOperatorPrometheusOperatorPkgApisMonitoringV1ServiceMonitor.js',
};

/**
 * What a server would refuse in a manifest, and the fields that it would drop without a word.
 * @param {Readonly<Record<string, unknown>>} manifest
 * @returns {Promise<string[]>} `/spec/replicas must be integer`, `/spec/replcas is no field`
 */
export async function manifestProblems(manifest) {
  const { apiVersion, kind } = manifest;
  const schema = SCHEMAS[`${apiVersion} ${kind}`];
  if (schema === undefined) return [`no schema for ${apiVersion} ${kind}`];
  const { validate } = await import(new URL(`node_modules/${schema}`, import.meta.url).href);
  const unread = new Set();
  const watched = watch(manifest, '', unread);
  if (validate(watched)) return [...unread].map((path) => `${path} is no field`);
  return validate.errors.map(
    (/** @type {{ instancePath: string, keyword: string, params: object }} */ { instancePath, keyword, params }) =>
      `${instancePath} ${keyword} ${JSON.stringify(params)}`,
  );
}

/**
 * An object that tells what nobody reads of it. The schemas allow any further field, but look at each that they know.
 * @template T
 * @param {T} value
 * @param {string} path
 * @param {Set<unknown>} unread the paths of what is not read yet
 * @returns {T}
 */
function watch(value, path, unread) {
  if (typeof value !== 'object' || value === null) return value;
  for (const key of Object.keys(value)) unread.add(`${path}/${key}`);
  const children = new Map();
  return new Proxy(value, {
    get(target, key, receiver) {
      if (typeof key === 'symbol' || !Object.hasOwn(target, key)) return Reflect.get(target, key, receiver);
      unread.delete(`${path}/${key}`);
      if (!children.has(key)) children.set(key, watch(Reflect.get(target, key, receiver), `${path}/${key}`, unread));
      return children.get(key);
    },
  });
}
