import { expect, it } from 'vitest';
import { onEveryCluster } from './on-every-cluster.ts';

/** A field of a protobuf message: a text, a number, or a message of fields. */
type Part = readonly [number: number, value: string | number | readonly Part[]];

/** Numbers below 2^31 as protobuf writes them. */
function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

function encode(parts: readonly Part[]): Buffer {
  return Buffer.concat(
    parts.map(([number, value]) => {
      if (typeof value === 'number') return Buffer.from([...varint(number << 3), ...varint(value)]);
      const bytes = typeof value === 'string' ? Buffer.from(value) : encode(value);
      return Buffer.concat([Buffer.from([...varint((number << 3) | 2), ...varint(bytes.length)]), bytes]);
    }),
  );
}

/** What `kubectl create` sends: four magic bytes, then type and bytes of the object. */
function envelope(apiVersion: string, kind: string, parts: readonly Part[]): Buffer {
  const unknown = [
    encode([
      [
        1,
        [
          [1, apiVersion],
          [2, kind],
        ],
      ],
    ]),
    Buffer.from([0x12, ...varint(encode(parts).length)]),
    encode(parts),
    encode([
      [3, ''],
      [4, ''],
    ]),
  ];
  return Buffer.concat([Buffer.from('k8s\0'), ...unknown]);
}

const headers = { 'content-type': 'application/vnd.kubernetes.protobuf', accept: 'application/json' };

onEveryCluster('protobuf bodies', contract => {
  const send = (path: string, body: Buffer) => contract.client.send('POST', path, body, headers);

  it('make the same object as JSON does: a ConfigMap with a map, an unset time and empty texts', async () => {
    const metadata: Part = [
      1,
      [
        [1, 'from-protobuf'],
        [2, ''],
        [3, ''],
        [8, []],
        [
          11,
          [
            [1, 'tier'],
            [2, 'front'],
          ],
        ],
      ],
    ];
    const data: Part[] = [
      [
        2,
        [
          [1, 'a'],
          [2, '1'],
        ],
      ],
      [
        2,
        [
          [1, 'b'],
          [2, ''],
        ],
      ],
    ];
    const path = `/api/v1/namespaces/${contract.namespace}/configmaps`;
    const { code, body } = await send(path, envelope('v1', 'ConfigMap', [metadata, ...data]));
    expect([code, body.data, body.metadata.labels]).toEqual([201, { a: '1', b: '' }, { tier: 'front' }]);
    expect(body.metadata.creationTimestamp).toMatch(/^\d{4}-/);
  });

  it('keep a number that is zero, a port by number or name, and bytes', async () => {
    const labels: Part = [
      11,
      [
        [1, 'app'],
        [2, 'web'],
      ],
    ];
    const container: Part = [
      2,
      [
        [1, 'web'],
        [2, 'web:1'],
        [
          6,
          [
            [1, 'http'],
            [3, 8080],
            [4, 'TCP'],
          ],
        ],
      ],
    ];
    const template: Part = [
      3,
      [
        [1, [labels]],
        [2, [container]],
      ],
    ];
    const spec: Part = [
      2,
      [
        [1, 0],
        [
          2,
          [
            [
              1,
              [
                [1, 'app'],
                [2, 'web'],
              ],
            ],
          ],
        ],
        template,
      ],
    ];
    const deployment = envelope('apps/v1', 'Deployment', [[1, [[1, 'from-protobuf']]], spec]);
    const path = `/apis/apps/v1/namespaces/${contract.namespace}/deployments`;
    const { code, body } = await send(path, deployment);
    expect([code, body.spec.replicas, body.spec.selector.matchLabels]).toEqual([201, 0, { app: 'web' }]);
    expect(body.spec.template.spec.containers[0].ports[0]).toMatchObject({ name: 'http', containerPort: 8080 });

    const port = (target: Part[]): Part => [
      1,
      [
        [1, 'http'],
        [2, 'TCP'],
        [3, 80],
        [4, target],
      ],
    ];
    const service = (name: string, target: Part[]) =>
      envelope('v1', 'Service', [
        [1, [[1, name]]],
        [
          2,
          [
            port(target),
            [
              2,
              [
                [1, 'app'],
                [2, 'web'],
              ],
            ],
          ],
        ],
      ]);
    const services = `/api/v1/namespaces/${contract.namespace}/services`;
    const byNumber = await send(
      services,
      service('by-number', [
        [1, 0],
        [2, 8080],
        [3, ''],
      ]),
    );
    const byName = await send(
      services,
      service('by-name', [
        [1, 1],
        [2, 0],
        [3, 'http'],
      ]),
    );
    expect([byNumber.body.spec.ports[0].targetPort, byName.body.spec.ports[0].targetPort]).toEqual([8080, 'http']);

    const secret = envelope('v1', 'Secret', [
      [1, [[1, 'from-protobuf']]],
      [
        2,
        [
          [1, 'key'],
          [2, 'value'],
        ],
      ],
      [3, 'Opaque'],
    ]);
    const made = await send(`/api/v1/namespaces/${contract.namespace}/secrets`, secret);
    expect(made.body.data).toEqual({ key: 'dmFsdWU=' });
  });

  it('that are cut short are a 400', async () => {
    const whole = envelope('v1', 'ConfigMap', [[1, [[1, 'cut-short']]]]);
    const path = `/api/v1/namespaces/${contract.namespace}/configmaps`;
    expect((await send(path, whole.subarray(0, whole.length - 6))).code).toBe(400);
    expect((await send(path, Buffer.from('no protobuf at all'))).code).toBe(400);
  });
});
