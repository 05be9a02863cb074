-- SPDX-License-Identifier: Apache-2.0
-- Which decision moved an award last: another one of the same revision comes from a recognition whose database
-- was restored, and contradicts the ledger. Null for what was taken in before; an older process leaves it alone.

alter table records.award_head add column decision_id uuid;
