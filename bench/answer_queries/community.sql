-- A community on top of bench/ledger_of_size: 1 000 members with an address and a balance, and 200 devices, each at
-- a consumption unit of the member of its number, with {measurements} measurements in all, written in order of time.
SET session_replication_role = replica;

INSERT INTO identity (id, kind, name, created_at)
SELECT 'mem_' || i, 'member', 'Member ' || i, timestamptz '2025-01-01Z' FROM generate_series(200, 999) AS i;
INSERT INTO member (identity_id, is_treasury, joined_at)
SELECT 'mem_' || i, false, timestamptz '2025-01-01Z' FROM generate_series(200, 999) AS i;
INSERT INTO coin_address (id, identity_id, chain, address, valid_from, recorded_at)
SELECT 'adr_' || i, 'mem_' || i, 'polygon', '0x' || lpad(to_hex(i + 1), 40, '0'), timestamptz '2025-01-01Z', timestamptz '2025-01-01Z'
FROM generate_series(200, 999) AS i;
INSERT INTO balance (chain_id, token, address, amount, final_amount, block_number)
SELECT chain_id, token, '0x' || lpad(to_hex(i + 1), 40, '0'), (i + 2) * 1000000000000000::numeric, (i + 1) * 1000000000000000::numeric, 1
FROM supply, generate_series(200, 999) AS i;

INSERT INTO identity (id, kind, name, created_at)
SELECT 'dev_' || i, 'device', 'Device ' || i, timestamptz '2025-01-01Z' FROM generate_series(0, 199) AS i
UNION ALL
SELECT 'ecu_' || i, 'energy_consumption_unit', 'Household ' || i, timestamptz '2025-01-01Z' FROM generate_series(0, 199) AS i;
INSERT INTO device (identity_id, eui, payload_format, profile, state, approved_at, onboarding, trial)
SELECT 'dev_' || i, lpad(to_hex(i + 1), 16, '0'), 'ecw1', 1, 'active', timestamptz '2025-01-01Z', 'approved', false
FROM generate_series(0, 199) AS i;
INSERT INTO metering_point (id, code, name, direction, settled_obis)
SELECT 'mp_unit_' || i, 'ATU' || i, 'Household', 'consumption', '1-0:1.8.0' FROM generate_series(0, 199) AS i;
INSERT INTO energy_consumption_unit (identity_id, member_id, metering_point_id)
SELECT 'ecu_' || i, 'mem_' || i, 'mp_unit_' || i FROM generate_series(0, 199) AS i;
INSERT INTO meter (id, serial, maker, model)
SELECT 'met_unit_' || i, 'U' || i, 'm', 'm' FROM generate_series(0, 199) AS i;
INSERT INTO register (id, meter_id, obis)
SELECT 'reg_unit_' || i, 'met_unit_' || i, '1-0:1.8.0' FROM generate_series(0, 199) AS i;
INSERT INTO installation (id, metering_point_id, meter_id, device_id, valid_from, factor, max_power_w)
SELECT 'inst_unit_' || i, 'mp_unit_' || i, 'met_unit_' || i, 'dev_' || i, timestamptz '2025-01-01Z', 1, 30000
FROM generate_series(0, 199) AS i;
INSERT INTO measurement (id, register_id, installation_id, device_id, at, register_wh, off_s, status, evidence_mode,
                         statement_digest, leaf_index, recorded_at)
SELECT 'mea_unit_' || i, 'reg_unit_' || i % 200, 'inst_unit_' || i % 200, 'dev_' || i % 200,
       timestamptz '2025-01-01Z' + i / 200 * interval '15 minutes', i / 200 * 250 + i % 200, i % 3, 1, 'DEVICE', 'd', 0,
       timestamptz '2025-01-01Z' + i / 200 * interval '15 minutes'
FROM generate_series(0, {measurements} - 1) AS i;
