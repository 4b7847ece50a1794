with observations as (

    select * from {{ ref('int_observations') }}

),

invoices as (

    select * from {{ ref('stg_raw__invoices') }}

),

-- before the feed's first invoice nothing is known, which is not the same as "none"
feed as (

    select
        min(known_at) as invoices_since,
        min(known_at) filter (where due_date is not null) as due_dates_since

    from invoices

),

known_invoices as (

    select
        observations.customer_id,
        observations.observation_date,
        invoices.invoice_id,
        invoices.refunds,
        invoices.due_date < observations.observation_date as is_past_due,
        invoices.due_date >= observations.observation_date - 180 as is_due_within_180d,
        coalesce(invoices.paid_on > invoices.due_date, true) as is_late,
        coalesce(invoices.paid_on > observations.observation_date, true) as is_unpaid,
        feed.invoices_since <= observations.observation_date as has_invoices,
        feed.due_dates_since <= observations.observation_date as has_due_dates

    from observations
    cross join feed
    left join invoices
        on observations.customer_id = invoices.customer_id
        and {{ known_on('invoices', 'observations.observation_date') }}

),

per_observation as (

    select
        customer_id,
        observation_date,
        case
            when bool_or(has_invoices) then coalesce(sum(refunds order by invoice_id), 0)
        end as total_refunds,
        case
            when bool_or(has_due_dates) then count(*) filter (where is_past_due and is_due_within_180d and is_late)
        end as late_payments_180d,
        case
            when bool_or(has_due_dates) then count(*) filter (where is_past_due and is_unpaid)
        end as unpaid_invoices

    from known_invoices
    group by customer_id, observation_date

)

select * from per_observation
