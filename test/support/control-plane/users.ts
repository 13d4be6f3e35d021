import { randomBytes } from 'node:crypto';

/** Who may call the API server of the rig. Each has a name of its own, so that the audit log tells them apart. */
export const RIG_USERS = {
  admin: { name: 'rig:admin', groups: ['system:masters'] },
  controllerManager: { name: 'system:kube-controller-manager', groups: ['system:masters'] },
  kubelet: { name: 'rig:kubelet', groups: ['system:masters'] },
  gateway: { name: 'rig:gateway', groups: ['system:masters'] },
  git: { name: 'rig:git', groups: ['system:masters'] },
  // Not in system:masters: priority-and-fairness exempts that group, and RBAC must apply to the operator.
  operator: {
    name: 'system:serviceaccount:sluice-system:sluice',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:sluice-system', 'system:authenticated'],
  },
  /** Someone who may do nothing until a test grants it. */
  nobody: { name: 'rig:nobody', groups: ['system:authenticated'] },
} as const;

/** The key of a user of the rig. */
export type RigUser = keyof typeof RIG_USERS;

/** A fresh secret token per user. */
export function makeTokens(): Record<RigUser, string> {
  const users = Object.keys(RIG_USERS) as RigUser[];
  return Object.fromEntries(users.map(user => [user, randomBytes(16).toString('hex')])) as Record<RigUser, string>;
}

/** The file for kube-apiserver's `--token-auth-file`: token,name,uid,"groups". */
export function tokenFile(tokens: Record<RigUser, string>): string {
  const users = Object.entries(RIG_USERS) as [RigUser, (typeof RIG_USERS)[RigUser]][];
  return users.map(([user, { name, groups }]) => `${tokens[user]},${name},${user},"${groups.join(',')}"\n`).join('');
}
