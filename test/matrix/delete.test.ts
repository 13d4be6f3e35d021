import { matrixSuite } from '../support/matrix/matrix-suite.ts';

matrixSuite('delete', ['before', 'applied', 'told', 'lost', 'reset', 'hide', 'stale', 'travel']);
