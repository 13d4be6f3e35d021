import { ensureControlPlaneBinaries } from './binaries/control-plane-binaries.ts';
import { cachedGatewayApiCrds } from './control-plane/gateway-api.ts';
import { controlPlaneAvailability } from './control-plane.ts';
import { ensurePrometheus, prometheusAvailability } from './prometheus-binary.ts';

/** Builds and fetches what the real-cluster tiers need, before they run in a network namespace without a way out. */
const plane = controlPlaneAvailability();
if (plane.available) {
  await ensureControlPlaneBinaries();
  await cachedGatewayApiCrds();
}
const metrics = prometheusAvailability();
if (metrics.available) await ensurePrometheus();
