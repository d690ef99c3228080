/** The pages by what people look for: a path, with another text than its title where that tells more. */
export const sidebarPages = [
  {
    text: 'Start',
    pages: [
      ['README.md', 'What it is'],
      'docs/quick-starts.md',
      'docs/clients.md',
      'docs/client.md',
      'docs/protocols.md',
      'docs/agents.md',
    ],
  },
  {
    text: 'Understand',
    pages: [
      'docs/resume.md',
      'docs/threads.md',
      ['ARCHITECTURE.md', 'Architecture'],
      'docs/mechanisms.md',
      'docs/laws.md',
      'docs/reliability.md',
      'docs/performance.md',
      'docs/scale.md',
    ],
  },
  {
    text: 'Run',
    pages: [
      ['docs/operations.md', 'Deploying'],
      'docs/kubernetes.md',
      'docs/proxies.md',
      'docs/redis.md',
      'docs/access.md',
      'docs/encryption.md',
      'docs/archive.md',
      'docs/security.md',
      'docs/console.md',
      'docs/metrics.md',
      'docs/tracing.md',
      'docs/runbook.md',
      'docs/usage.md',
      'docs/command-line.md',
    ],
  },
  { text: 'Troubleshooting', pages: [['docs/troubleshooting.md', 'By what you see']] },
  { text: 'Moving', pages: ['docs/moving.md'] },
  { text: 'Reference', pages: [['PROTOCOL.md', 'Protocol'], 'docs/settings.md', ['CHANGELOG.md', 'Changes']] },
];
