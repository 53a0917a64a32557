// What the books say of a device on its way.

import { useEffect, useState } from "react";
import { graphql } from "../../graphql/gql.ts";
import type { DeviceOnWayQuery } from "../../graphql/graphql.ts";
import { useAsk } from "../../live/hooks.tsx";
import type { Draft } from "./draft.ts";
import type { Known } from "./steps.ts";

export const DEVICES_ON_WAY = graphql(`
  query DevicesOnWay($after: Cursor) {
    devices(first: 500, after: $after) {
      nodes { id name eui state onboarding installations { validTo meteringPoint { id direction } } }
      pageInfo { hasNextPage endCursor }
    }
    energySources(first: 500) { nodes { id approvedAt meteringPoint { id } } }
  }
`);
const DEVICE_ON_WAY = graphql(`
  query DeviceOnWay($id: ID!) {
    identity(id: $id) {
      __typename
      ... on Device {
        id name eui state onboarding lastSeenAt
        keys { number kid isDevelopmentKey }
        installations {
          id validFrom validTo
          meter { serial maker model }
          meteringPoint { id code name direction measurements(first: 1) { nodes { id at registerWh device { id } } } }
        }
      }
    }
    energySources(first: 500) { nodes { id name approvedAt meteringPoint { id } } }
  }
`);
const INBOX = graphql(`query InboxOnWay { inbox { deviceEui frames } }`);
const WATCH_MS = 4000;

export type DeviceOnWay = Extract<DeviceOnWayQuery["identity"], { __typename: "Device" }>;
export type Source = DeviceOnWayQuery["energySources"]["nodes"][number];

/** The id of the device with this EUI: undefined while it is looked for, null where there is none. */
function useDeviceId(eui: string): string | null | undefined {
  const [after, setAfter] = useState<string | null>(null);
  const { data, isPlaceholderData } = useAsk(DEVICES_ON_WAY, { after });
  const found = data?.devices.nodes.find((each) => each.eui === eui);
  const more =
    !found && !isPlaceholderData && data?.devices.pageInfo.hasNextPage ? data.devices.pageInfo.endCursor : null;
  useEffect(() => {
    if (more) setAfter(more);
  }, [more]);
  if (found) return found.id;
  return data === undefined || isPlaceholderData || more ? undefined : null;
}

/** The device, its source, and how many of its frames wait; asked again every few seconds, as devices act by themselves. */
export function useOnWay(eui: string) {
  const id = useDeviceId(eui);
  const answer = useAsk(DEVICE_ON_WAY, { id: id ?? "" }, { enabled: !!id, refreshMs: WATCH_MS });
  const inbox = useAsk(INBOX, {}, { refreshMs: WATCH_MS }).data?.inbox ?? [];
  const identity = id ? answer.data?.identity : undefined;
  const device = identity?.__typename === "Device" ? identity : null;
  const place = device?.installations.find(({ validTo }) => !validTo) ?? null;
  const source = answer.data?.energySources.nodes.find(
    (each) => each.meteringPoint && each.meteringPoint.id === place?.meteringPoint?.id,
  );
  const first = place?.meteringPoint?.measurements.nodes.find((each) => each.device?.id === device?.id);
  return {
    waiting: id === undefined || (id !== null && answer.data === undefined && !answer.error),
    error: answer.error,
    retry: answer.refetch,
    device,
    place,
    source: source ?? null,
    first: first ?? null,
    framesWaiting: inbox.filter((each) => each.deviceEui === eui).reduce((sum, each) => sum + each.frames, 0),
  };
}

export type OnWay = ReturnType<typeof useOnWay>;

export function knownOf({ device, place, source, first }: OnWay, draft: Draft): Known {
  return {
    device: device !== null,
    key: (device?.keys.length ?? 0) > 0,
    meter: draft.entered.includes("meter"),
    point: draft.entered.includes("point"),
    installation: place !== null,
    direction: place ? (place.meteringPoint?.direction === "production" ? "production" : "consumption") : null,
    source: source !== null,
    measures: device?.state === "active",
    reading: first !== null,
    approved: !!source?.approvedAt,
  };
}
