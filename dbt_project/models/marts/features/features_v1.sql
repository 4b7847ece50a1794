with observations as (

    select * from {{ ref('int_observations') }}
    where {{ in_built_range() }}

),

features as (

    select
        customer_id,
        observation_date,
        attributes_known_at,
        gender,
        senior_citizen,
        partner,
        dependents,
        tenure_months,
        phone_service,
        multiple_lines,
        internet_service,
        online_security,
        online_backup,
        device_protection,
        tech_support,
        streaming_tv,
        streaming_movies,
        contract,
        paperless_billing,
        payment_method,
        monthly_charges,
        total_charges

    from observations

)

select * from features
order by observation_date, customer_id
