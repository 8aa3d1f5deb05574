import { createElement } from 'react';
import { createRoot } from 'react-dom/client';
import '@countersign/ui/ui.css';
import './portal.css';
import { App } from './app.tsx';

const root = document.querySelector('#root');
if (root !== null) createRoot(root).render(createElement(App, { now: () => Date.now() }));
