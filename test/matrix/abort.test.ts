import { matrixSuite } from '../support/matrix/matrix-suite.ts';

matrixSuite('abort', ['before', 'applied', 'told', 'lost', 'reset', 'hide', 'stale', 'travel']);
