import { matrixSuite } from '../support/matrix/matrix-suite.ts';

matrixSuite('replicas', ['before', 'applied', 'told', 'lost', 'reset', 'hide', 'stale', 'travel']);
