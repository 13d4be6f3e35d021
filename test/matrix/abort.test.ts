import { matrixSuite } from '../support/matrix/matrix-suite.ts';

matrixSuite('abort', ['before', 'applied', 'told', 'lost', 'reset', 'silent', 'truncate', 'hide', 'stale', 'travel']);
