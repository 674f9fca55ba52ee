// Something of everything that pages show, in an environment of its own, and the pages that show it.

import { until } from "./server.mjs";

const order = { id: "1", total: 40.5 };
const batch = { resource_url: "https://api.example.com/v1/batches/se-1", resource_type: "API_BATCH" };

/** What is sent in an environment of each preset: event type, its title, and payload. */
export const PRESETS = {
  standard: ["order.created", "Order created", order],
  "rose-rocket": ["order.created", "Order Created", order],
  shoprocket: ["order.created", "Order created", order],
  shipengine: ["batch", "Batch completed", batch],
};

let count = 0;

/** What things are called. */
const plainWords = () => ({
  environment: `Environment ${count}`,
  key: `Key ${count}`,
  application: `Customer ${count}`,
  endpoint: "Warehouse",
  refusing: "Bookkeeping",
  inbox: "Test inbox",
  description: "An order was made.",
});

/**
 * Makes an environment with this preset, and in it an application with an endpoint that takes a message and one that
 * does not, that message with its attempts, and an inbox with a request. `api` asks as its environment's key; `own` says
 * what to call things, and what the payload is.
 */
export async function makeScene(server, receiver, preset = "standard", own = {}) {
  const number = ++count;
  const words = { ...plainWords(), ...own };
  const settings = { name: words.environment, type: "development", preset, retrySchedule: "none" };
  const environment = await server.api("/management/environment", { body: settings });
  const key = await server.api(`/management/authentication/${environment.id}/api-token`, { body: { name: words.key } });
  const api = (path, options) => server.api(path, { key: key.token, ...options });
  const [eventType, eventTitle, payload] = PRESETS[preset];
  if (preset === "standard") await makeEventType(api, eventType, eventTitle, words.description);
  const app = await api("/app", { body: { name: words.application } });
  const path = (name) => `/scene-${number}/${name}`;
  receiver.replies.set(path("refuses"), [own.refusal ?? 500]);
  const make = (name, description) =>
    api(`/app/${app.id}/endpoint`, { body: { url: receiver.url(path(name)), eventTypes: [eventType], description } });
  const endpoint = await make("takes", words.endpoint);
  // Where an event has one endpoint only there is no second one.
  const refusing = preset === "shipengine" ? endpoint : await make("refuses", words.refusing);
  const inbox = await api("/inbox", { body: { name: words.inbox } });
  const message = await api(`/app/${app.id}/msg`, { body: { eventType, payload: own.payload ?? payload } });
  await fetch(inbox.url, { method: "POST", body: JSON.stringify(own.payload ?? payload) });
  const attempts = await tried(api, app.id, message.id, preset === "shipengine" ? 1 : 2);
  const attempt = attempts.find(({ endpointId }) => endpointId === endpoint.id);
  const refused = attempts.find(({ endpointId }) => endpointId === refusing.id);
  return { preset, environment, key, api, eventType, eventTitle, app, endpoint, refusing, inbox, message, attempt, refused };
}

async function makeEventType(api, name, title, description) {
  const schemas = { 1: { type: "object", description, properties: { id: { type: "string", description } } } };
  await api("/event-type", { body: { name, title, description, groupName: "Orders", schemas } });
}

/** Waits until a message has been tried so often; returns the attempts. */
export const tried = (api, app, message, attempts) =>
  until(`${message} was tried ${attempts} times`, async () => {
    const { data } = await api(`/app/${app}/attempt/msg/${message}`);
    return data.length >= attempts && data;
  });

/** The pages of an endpoint that the dashboard and the portal have both: path and title. */
const ofEndpoint = [
  ["", "Warehouse"],
  ["/deliveries", "Warehouse"],
  ["/recover", "Recover what failed"],
  ["/test", "Warehouse"],
  ["/secret", "Warehouse"],
  ["/filter", "Warehouse"],
  ["/rotate", "Rotate the secret"],
  ["/settings", "Warehouse"],
  ["/delete", "Delete endpoint?"],
];

const below = (path, pages) => pages.map(([tail, title]) => [path + tail, title]);

/** The operator's pages that show a scene: path and title. */
export function operatorPages({ environment, app, endpoint, message, attempt, inbox, key, eventType, eventTitle }) {
  const application = `/applications/${app.id}`;
  return below(`/environments/${environment.id}`, [
    ["", "Overview"],
    ["/messages", "Messages"],
    ["/failing", "Failing"],
    ["/failing/recover", "Recover what failed"],
    ["/applications", "Applications"],
    ["/applications/new", "New application"],
    ...below(application, [
      ["", app.name],
      ["/settings", app.name],
      ["/portal-link", app.name],
      ["/delete", "Delete application?"],
      ["/messages", "Messages"],
      [`/messages/${message.id}`, eventType],
      [`/messages/${message.id}/payload/delete`, "Delete the payload?"],
      [`/messages/${message.id}/attempts/${attempt.id}`, "Attempt 1"],
      ["/endpoints/new", "Add endpoint"],
      ...below(`/endpoints/${endpoint.id}`, ofEndpoint),
    ]),
    ["/endpoints", "Endpoints"],
    ["/endpoints/new", "Add endpoint"],
    ["/event-types", "Event types"],
    ["/event-types/new", "New event type"],
    ...below(`/event-types/${eventType}`, [["", eventTitle], ["/edit", "Edit event type"], ["/delete", "Delete event type?"]]),
    ["/inboxes", "Inboxes"],
    [`/inboxes/${inbox.id}/delete`, "Delete inbox?"],
    ["/settings", "Settings"],
    ["/settings/audit", "Audit log"],
    ["/keys", "API keys"],
    ["/keys/new", "New API key"],
    ...below(`/keys/${key.id}`, [["/replace", "Replace key?"], ["/expire", "End key?"]]),
    ["/environments", "Environments"],
    ["/environments/new", "New environment"],
    ...below(`/environments/${environment.id}`, [["/edit", "Rename environment"], ["/delete", "Delete environment?"]]),
    ["/switch", "Switch environment"],
    ["/system", "System"],
  ]);
}

/** The consumer's pages that differ from preset to preset: path and title. */
export function arrangedPages({ preset, app, endpoint }) {
  const arranged = {
    standard: [["", "Endpoints"], ["/endpoints/new", "Add endpoint"], ...below(`/endpoints/${endpoint.id}`, ofEndpoint)],
    "rose-rocket": [["", "Webhooks"]],
    shoprocket: [
      ["", "Developer"],
      ["/webhooks/new", "Add Webhook"],
      ...below(`/webhooks/${endpoint.id}`, [["", "Webhook"], ["/edit", "Edit webhook"], ["/test", "Send test data"]]),
    ],
    shipengine: [["", "API Management"], ["?edit=1", "API Management"]],
  };
  return below(`/portal/${app.id}`, arranged[preset]);
}

/** The consumer's pages that show a scene: path and title. */
export function consumerPages(scene) {
  const { app, message, attempt, eventType, eventTitle } = scene;
  const logs = below(`/portal/${app.id}`, [
    ["/messages", "Logs"],
    [`/messages/${message.id}`, eventType],
    [`/messages/${message.id}/attempts/${attempt.id}`, "Attempt 1"],
    ["/event-types", "Event catalogue"],
    [`/event-types/${eventType}`, eventTitle],
  ]);
  return [...arrangedPages(scene), ...logs];
}

/** The forms of the pages that an operator and a consumer have both, behind the path of the application. */
const formsOfApplication = ({ endpoint, message }) => [
  "/endpoints/new",
  ...["/state", "/test", "/secret", "/rotate", "/filter", "/settings", "/headers", "/resend", "/recover", "/delete"].map(
    (tail) => `/endpoints/${endpoint.id}${tail}`,
  ),
  `/messages/${message.id}/endpoints/${endpoint.id}/resend`,
];

/** Where the forms go with which an operator changes something. */
export function operatorForms(scene) {
  const { environment, app, inbox, key, message, eventType } = scene;
  const home = `/environments/${environment.id}`;
  const paths = [
    ...["/start/endpoint", "/start/message", "/failing/recover", "/applications/new", "/event-types/new", "/event-types/load-catalogue"],
    ...["/edit", "/archive", "/delete"].map((tail) => `/event-types/${eventType}${tail}`),
    ...["/inboxes", `/inboxes/${inbox.id}/delete`, "/settings", "/settings/preset"],
    ...["/keys", `/keys/${key.id}/replace`, `/keys/${key.id}/expire`],
    ...["/environments", `/environments/${environment.id}/edit`, `/environments/${environment.id}/delete`],
    ...["/settings", "/portal-link", "/delete", `/messages/${message.id}/payload/delete`, ...formsOfApplication(scene)].map(
      (tail) => `/applications/${app.id}${tail}`,
    ),
  ];
  return paths.map((path) => home + path);
}

/** Where the forms go with which a consumer changes something. */
export function consumerForms(scene) {
  const { app, endpoint } = scene;
  const webhook = `/webhooks/${endpoint.id}`;
  const own = ["/webhooks", "/webhooks/new", `${webhook}/edit`, `${webhook}/state`, `${webhook}/test`, "/grid", "/inboxes"];
  return [...own, ...formsOfApplication(scene)].map((path) => `/portal/${app.id}${path}`);
}
