import { it } from 'vitest';
import { SimCluster } from '../support/sim-cluster.ts';
const spec = (tag: string) => ({
  replicas: 4, selector: { matchLabels: { app: 'shop' } },
  template: { metadata: { labels: { app: 'shop' } }, spec: { containers: [{ name: 'a', image: `shop:${tag}` }] } },
  strategy: { canary: { stableService: 'st', canaryService: 'ca', trafficRouting: { gatewayAPI: { httpRoute: 'shop' } },
    steps: [{ setWeight: 20 }, { pause: { duration: '10s' } }, { setWeight: 50 }, { pause: {} }] ,
    analysis: {templates:[{templateName:'sr'}]} } },
});
it('tries', () => {
  const c = new SimCluster(spec('1'));
  c.addService('st'); c.addService('ca'); c.addRoute('shop', 'st', 'ca');
  c.addTemplate('sr', {metrics:[{name:'sr', interval:'5s', threshold:{min:0.95}, provider:{prometheus:{query:'up'}}}]});
  c.settle(); console.log(c.status.phase, c.status.message, c.statusWrites);
  c.edit(s => { s.template.spec.containers[0].image = 'shop:2'; });
  let last = '';
  for (let i = 0; i < 60; i++) {
    c.react(); const d = c.pass();
    const line = JSON.stringify([c.status.phase, c.status.message, c.canaryWeight(), d.actions.map(a => a.type === 'ScaleReplicaSet' ? `scale ${a.target.name} ${a.from}->${a.to}` : a.type), d.facts.map(f=>f.reason)]);
    if (line !== last) console.log(i, line); last = line;
    for (const r of c.runs.keys()) if (c.runs.get(r)!['status']?.phase !== 'Successful') c.measure(r, 'sr', 'Successful');
    if (c.status.pause && !c.status.pause.until && i > 20) c.command(`promote p${i}`);
    c.advance(1000);
  }
  console.log(JSON.stringify(c.status, null, 1), c.statusWrites);
});
