export { type Api, createApp } from './app.ts';
export { type ApiSettings, apiSettingsSchema } from './settings.ts';
