with observations as (

    select * from {{ ref('int_observations') }}
    where {{ in_built_range() }}

),

usage as (

    select * from {{ ref('int_observation_usage') }}
    where {{ in_built_range() }}

),

payments as (

    select * from {{ ref('int_observation_payments') }}
    where {{ in_built_range() }}

),

support as (

    select * from {{ ref('int_observation_support') }}
    where {{ in_built_range() }}

),

features as (

    select
        observations.customer_id,
        observations.observation_date,
        observations.attributes_known_at,
        observations.gender,
        observations.senior_citizen,
        observations.partner,
        observations.dependents,
        observations.tenure_months,
        observations.phone_service,
        observations.multiple_lines,
        observations.internet_service,
        observations.online_security,
        observations.online_backup,
        observations.device_protection,
        observations.tech_support,
        observations.streaming_tv,
        observations.streaming_movies,
        observations.contract,
        observations.paperless_billing,
        observations.payment_method,
        observations.monthly_charges,
        observations.total_charges,
        observations.internet_type,
        observations.unlimited_data,
        observations.number_of_referrals,
        usage.avg_monthly_gb,
        usage.total_extra_data_charges,
        usage.total_long_distance_charges,
        usage.usage_trend,
        payments.total_refunds,
        payments.late_payments_180d,
        payments.unpaid_invoices,
        support.tickets_90d,
        support.open_tickets,
        support.avg_days_to_resolve_180d

    from observations
    left join usage
        on observations.customer_id = usage.customer_id
        and observations.observation_date = usage.observation_date
    left join payments
        on observations.customer_id = payments.customer_id
        and observations.observation_date = payments.observation_date
    left join support
        on observations.customer_id = support.customer_id
        and observations.observation_date = support.observation_date

)

select * from features
order by observation_date, customer_id
