import { matrixSuite } from '../support/matrix/matrix-suite.ts';

matrixSuite('promote', ['before', 'applied', 'told', 'lost', 'reset', 'silent', 'truncate', 'hide', 'stale', 'travel']);
