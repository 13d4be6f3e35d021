import { GitRepository } from '../git/git-repository.ts';
import { GitServer } from '../git/git-server.ts';
import { shopFiles } from './shop-manifests.ts';
import type { Developer } from './story.ts';

/** The team's repository, served over HTTP, and the developer who commits to it. */
export interface ShopRepository extends Developer {
  /** What GitSync pulls and people clone. */
  readonly url: string;
  readonly branch: string;
  /** People may push as well; else they can only clone. */
  readonly canPush: boolean;
  stop(): Promise<void>;
}

const AUTHOR = { name: 'A Developer', email: 'developer@shop.example' };

export async function openShopRepository(folder: string, alertUrl: string): Promise<ShopRepository> {
  const repository = await GitRepository.create({ folder, branch: 'main', author: AUTHOR });
  await repository.commitFiles('Say what this is', {
    'README.md': shopFiles('', alertUrl)['README.md'] ?? '',
    'apps/shop/.gitkeep': '',
  });
  const server = new GitServer({ repository });
  await server.start();
  return {
    url: server.url,
    branch: 'main',
    canPush: server.canPush,
    deploy: (image, message) => repository.commitFiles(message, shopFiles(image, alertUrl)),
    revert: commit => repository.revert(commit),
    stop: () => server.stop(),
  };
}
