"""Who may see which field: the one place. A field that does not stand here is refused to everybody.

This decides by role, before anything is read. Which *rows* a role sees is its scope's (community.store.views.scope), and
both hold on every nested path.
"""

from collections.abc import Mapping

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    visit,
)

from api.errors import FORBIDDEN, SIGN_IN, UNAUTHENTICATED, Refused
from api.roles import SIGNED_IN, Role

Roles = frozenset[Role]

EVERYBODY: Roles = frozenset(Role)
ALL: Roles = frozenset(SIGNED_IN)
PEOPLE: Roles = frozenset({Role.MEMBER, Role.OPERATOR, Role.AUDITOR})
STAFF: Roles = frozenset({Role.OPERATOR, Role.AUDITOR})
OPERATORS: Roles = frozenset({Role.OPERATOR})


def _fields(type_name: str, roles: Roles, names: str) -> dict[str, Roles]:
    return {f"{type_name}.{name}": roles for name in names.split()}


def _connection(of: str, roles: Roles) -> dict[str, Roles]:
    return _fields(f"{of}Connection", roles, "nodes edges pageInfo") | _fields(f"{of}Edge", roles, "cursor node")


_IDENTITY = "id name coinAddresses"
_MEMBER_ENERGY = "intervals consumptionWh productionShare covered fromGrid surplus consumptionMissing productionMissing"

PERMISSIONS: Mapping[str, Roles] = {
    **_fields("Query", ALL, "viewer chainHead"),
    **_fields(
        "Query",
        PEOPLE,
        "identity identities members member energySources meteringPoints meteringPoint measurements series gaps issuances "
        "issuance settlements transfers balances balance supply reconciliation matches reconciled breaks",
    ),
    **_fields("Query", STAFF, "devices auditEntries evidenceGaps silentDevices failedTransactions suspectMeasurements"),
    **_fields("Query", OPERATORS, "quarantine apiKeys workQueues inbox"),
    **_fields("Query", EVERYBODY, "community"),
    **_fields(
        "Mutation",
        OPERATORS,
        "approveDevice revokeDevice disposeBreak noteBreak closeBreak resolveQuarantine createApiKey revokeApiKey",
    ),
    **_fields("Subscription", PEOPLE, "balances measurements settlements breaks chainHead"),
    **_fields("Subscription", OPERATORS, "quarantine"),
    **_fields("Viewer", ALL, "role label identity"),
    **_fields("PageInfo", ALL, "hasNextPage endCursor"),
    # identities
    **_fields("Identity", ALL, _IDENTITY),
    **_fields("User", PEOPLE, _IDENTITY),
    **_fields("Member", PEOPLE, _IDENTITY + " isTreasury joinedAt balance energy shares energyConsumptionUnits"),
    **_fields(
        "Device",
        ALL,
        _IDENTITY + " eui payloadFormat profile state approvedAt lastSeenAt hasDevelopmentKey keys onboarding isTrial "
        "firmware hardware health",
    ),
    **_fields("Device", PEOPLE, "installations provisionalReadings"),
    **_fields(
        "DeviceHealth",
        ALL,
        "lastSeenAt missing24h missing7d missing30d signatureFailures counterAnomalies clockDriftMs clockDrifts airtimeMs",
    ),
    **_fields("MissingReadings", ALL, "expected present perMille"),
    **_fields("ProvisionalReading", PEOPLE, "at registersWh readOffsetS status"),
    **_fields(
        "EnergySource",
        PEOPLE,
        _IDENTITY
        + " sourceRef technology nameplateW shareTotal settlementPeriod evidenceMode openingRegisterWh openingAt "
        "approvedAt meteringPoint shareTables",
    ),
    **_fields("EnergyConsumptionUnit", PEOPLE, _IDENTITY + " member meteringPoint"),
    **_fields("CoinAddress", ALL, "chain address path validFrom validTo"),
    **_fields("DeviceKey", ALL, "number kid publicKey isDevelopmentKey validFrom validTo revokedFrom"),
    **_fields("ShareTable", PEOPLE, "id revision shareTotal configHash validFrom validTo shares"),
    **_fields("Share", PEOPLE, "source holder address shareCount shareTotal"),
    # metering
    **_fields(
        "MeteringPoint",
        PEOPLE,
        "id code name direction settledObis identity installations measurements series completeness",
    ),
    **_fields("Installation", PEOPLE, "id meter device meteringPoint validFrom validTo factor maxPowerW"),
    **_fields("Meter", PEOPLE, "id serial maker model registers"),
    **_fields("Register", PEOPLE, "id obis modulusWh"),
    **_fields(
        "Measurement",
        PEOPLE,
        "id meteringPoint register at registerWh readOffsetS status evidenceMode leafIndex recordedAt statement device "
        "suspect",
    ),
    **_fields("MeasuredRegister", PEOPLE, "id obis"),
    **_fields(
        "Statement",
        PEOPLE,
        "digest counter format firstAt readingCount signed keyNumber kid publicKey isDevelopmentKey recordedAt",
    ),
    **_fields(
        "Series", PEOPLE, "meteringPointId resolution zone start stepS energyWh quality starts intervals missing"
    ),
    **_fields("MemberEnergy", PEOPLE, _MEMBER_ENERGY + " resolution zone starts total"),
    **_fields("MemberEnergyTotal", PEOPLE, _MEMBER_ENERGY),
    **_fields("Completeness", PEOPLE, "zone days expected known estimated suspect missing"),
    **_fields("Gap", PEOPLE, "id meteringPoint startsAt endsAt energyWh state openedAt closedAt"),
    **_fields(
        "QuarantineEntry",
        OPERATORS,
        "id device deviceEui source frameDigest payload at reason detail recordedAt resolvedAt resolution",
    ),
    # minting and tokens
    **_fields(
        "Issuance",
        PEOPLE,
        "id chainId issuer source fromWh toWh energyWh periodStart periodEnd amount measurement parts shareTotal state "
        "failure plannedAt minedBlock txHash finalAt",
    ),
    **_fields("Issuance", STAFF, "attempts"),
    **_fields("IssuancePart", PEOPLE, "holder address shareCount amount"),
    **_fields(
        "TransactionAttempt",
        STAFF,
        "number nonce account maxFeeWei tipWei state txHash requestedAt signedAt broadcastAt",
    ),
    **_fields(
        "Settlement",
        PEOPLE,
        "blockNumber logIndex txHash issuer sourceRef source number fromWh toWh readAt mintedWh mode evidence at isFinal "
        "issuance",
    ),
    **_fields(
        "Transfer", PEOPLE, "blockNumber logIndex txHash token sender recipient amount kind at isFinal settlement"
    ),
    **_fields("Balance", PEOPLE, "member final mintedNotFinal earnedNotYetMinted verifiedUntil"),
    **_fields("Supply", PEOPLE, "token minted burned finalMinted finalBurned"),
    **_fields("ChainHead", ALL, "chainId head headHash finalised nodeHead lag updatedAt"),
    # reconciliation
    **_fields(
        "ReconciliationRun",
        PEOPLE,
        "id startedAt finalisedBlock finalisedHash verifiedWh issuedWh settledWh supply matchCount breakCount agrees pendingWh",
    ),
    **_fields("Match", PEOPLE, "issuance source txHash blockNumber energyWh amount matchedAt"),
    **_fields(
        "Break",
        PEOPLE,
        "id kind severity subject source detail expected found openedAt closedAt closedBy owner disposition",
    ),
    **_fields("Break", STAFF, "story"),
    **_fields("BreakEntry", STAFF, "at actor action text"),
    **_fields(
        "Reconciled",
        PEOPLE,
        "issuance source periodStart periodEnd energyWh amount state explained breakId txHash blockNumber",
    ),
    # everybody
    **_fields(
        "Community",
        EVERYBODY,
        "memberCount sourceCount nameplateW verifiedWh settledWh minted burned agrees comparedAt finalisedBlock "
        "openBreakCount correctionCount completenessPerMille energy",
    ),
    **_fields(
        "CommunityEnergy",
        EVERYBODY,
        "resolution zone starts intervals productionWh consumptionWh productionCompletenessPerMille",
    ),
    # operators
    **_fields(
        "WorkQueues",
        OPERATORS,
        "quarantine unknownDevices gaps evidenceGaps silentDevices devicesToApprove failedTransactions openBreaks "
        "openObjections",
    ),
    **_fields("InboxEntry", OPERATORS, "deviceEui deviceName reason frames bytes firstAt lastAt adoptableUntil"),
    **_fields("EvidenceGap", STAFF, "id deviceName deviceEui kind first last state sinceAt asked lastAskedAt"),
    **_fields("AuditEntry", STAFF, "id actor command subject reason recordedAt"),
    **_fields("ApiKey", OPERATORS, "id role identity label createdAt revokedAt"),
    **_fields("Problem", OPERATORS, "code sentence"),
    **_fields("DeviceDecided", OPERATORS, "device"),
    **_fields("BreakDisposed", OPERATORS, "break"),
    **_fields("QuarantineResolved", OPERATORS, "entry"),
    **_fields("ApiKeyCreated", OPERATORS, "apiKey secret"),
    **_fields("ApiKeyRevoked", OPERATORS, "apiKey"),
    # streams
    **_fields("BalancesChange", PEOPLE, "cursor nodes"),
    **_fields("MeasurementsChange", PEOPLE, "cursor nodes"),
    **_fields("SettlementsChange", PEOPLE, "cursor nodes"),
    **_fields("BreaksChange", PEOPLE, "cursor nodes reconciliation"),
    **_fields("ChainHeadChange", PEOPLE, "cursor chainHead"),
    **_fields("QuarantineChange", OPERATORS, "cursor nodes"),
    # pages
    **_connection("Identity", PEOPLE),
    **_connection("Member", PEOPLE),
    **_connection("Device", STAFF),
    **_connection("EnergySource", PEOPLE),
    **_connection("MeteringPoint", PEOPLE),
    **_connection("Measurement", PEOPLE),
    **_connection("Gap", PEOPLE),
    **_connection("QuarantineEntry", OPERATORS),
    **_connection("Issuance", PEOPLE),
    **_connection("Settlement", PEOPLE),
    **_connection("Transfer", PEOPLE),
    **_connection("Match", PEOPLE),
    **_connection("Reconciled", PEOPLE),
    **_connection("Break", PEOPLE),
    **_connection("AuditEntry", STAFF),
    **_connection("ApiKey", OPERATORS),
}


class _Refusals(Visitor):
    def __init__(self, types: TypeInfo, role: Role) -> None:
        super().__init__()
        self._types = types
        self._role = role
        self.first: Refused | None = None

    def enter_field(self, node: FieldNode, *_: object) -> None:
        parent = self._types.get_parent_type()
        name = node.name.value
        if self.first is not None or parent is None or name.startswith("__") or parent.name.startswith("__"):
            return
        field = f"{get_named_type(parent).name}.{name}"
        if self._role not in PERMISSIONS.get(field, frozenset()):
            self.first = (
                Refused(UNAUTHENTICATED, SIGN_IN)
                if self._role is Role.PUBLIC
                else Refused(FORBIDDEN, f"A key of the role {self._role} may not use {field}.")
            )


def refusal(schema: GraphQLSchema, document: DocumentNode, role: Role) -> Refused | None:
    """The first field of a valid document that the role may not use, as an error; None if it may use all."""
    types = TypeInfo(schema)
    refusals = _Refusals(types, role)
    visit(document, TypeInfoVisitor(types, refusals))
    return refusals.first
