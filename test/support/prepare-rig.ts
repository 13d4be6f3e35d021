import { alertmanagerAvailability, ensureAlertmanager } from './binaries/alertmanager-binary.ts';
import { ensureControlPlaneBinaries } from './binaries/control-plane-binaries.ts';
import { ensureTraefik, traefikAvailability } from './binaries/traefik-binary.ts';
import { cachedGatewayApiCrds } from './control-plane/gateway-api.ts';
import { controlPlaneAvailability } from './control-plane.ts';
import { ensurePrometheus, prometheusAvailability } from './prometheus-binary.ts';

/** Builds and fetches what the real-cluster tiers need, before they run in a network namespace without a way out. */
const plane = controlPlaneAvailability();
if (plane.available) {
  await ensureControlPlaneBinaries();
  await cachedGatewayApiCrds();
}
if (prometheusAvailability().available) await ensurePrometheus();
if (alertmanagerAvailability().available) await ensureAlertmanager();
if (traefikAvailability().available) await ensureTraefik();
