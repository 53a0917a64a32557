-- What somebody who knows PostGraphile would write for these questions: functions that its planner may inline, each by an
-- index, and tags that say that one row is meant.
CREATE FUNCTION device_last_measurement(d device) RETURNS measurement LANGUAGE sql STABLE AS $$
  SELECT m.* FROM installation AS i
  JOIN register AS r ON r.meter_id = i.meter_id
  JOIN LATERAL (SELECT * FROM measurement WHERE register_id = r.id ORDER BY at DESC LIMIT 1) AS m ON true
  WHERE i.device_id = d.identity_id ORDER BY m.at DESC LIMIT 1
$$;
CREATE FUNCTION device_owner(d device) RETURNS identity LANGUAGE sql STABLE AS $$
  SELECT o.* FROM installation AS i
  JOIN energy_consumption_unit AS u ON u.metering_point_id = i.metering_point_id
  JOIN identity AS o ON o.id = u.member_id
  WHERE i.device_id = d.identity_id LIMIT 1
$$;
CREATE FUNCTION member_balances(member_id text) RETURNS SETOF balance LANGUAGE sql STABLE AS $$
  SELECT b.* FROM coin_address AS a
  JOIN supply AS s ON true
  JOIN balance AS b ON b.chain_id = s.chain_id AND b.token = s.token AND b.address = a.address
  WHERE a.identity_id = member_id
$$;
CREATE FUNCTION member_transfers(member_id text, newest integer) RETURNS SETOF transfer LANGUAGE sql STABLE AS $$
  SELECT * FROM (
    (SELECT t.* FROM coin_address AS a JOIN transfer AS t ON t.sender = a.address
     WHERE a.identity_id = member_id AND t.chain_id = (SELECT min(chain_id) FROM index_checkpoint)
     ORDER BY t.block_number DESC, t.log_index DESC LIMIT newest)
    UNION
    (SELECT t.* FROM coin_address AS a JOIN transfer AS t ON t.recipient = a.address
     WHERE a.identity_id = member_id AND t.chain_id = (SELECT min(chain_id) FROM index_checkpoint)
     ORDER BY t.block_number DESC, t.log_index DESC LIMIT newest)
  ) AS both_sides ORDER BY block_number DESC, log_index DESC LIMIT newest
$$;
