import { widgetCrd } from './objects.ts';
import type { RawClient, Wire } from './raw-client.ts';

const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

/** Installs the widget kind and waits until it is served. */
export async function installWidgets(client: RawClient): Promise<void> {
  await client.created(path, widgetCrd());
  await client.until(`${path}/widgets.contract.example.com`, ({ body }) =>
    (body.status?.conditions ?? []).some((item: Wire) => item.type === 'Established' && item.status === 'True'),
  );
  await client.until('/apis/contract.example.com/v1/widgets', ({ code }) => code === 200);
}
